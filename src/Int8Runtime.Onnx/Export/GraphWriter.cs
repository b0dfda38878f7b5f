// ModelGraph → ModelProto.
using Google.Protobuf;
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Proto;
using Kind = Int8Runtime.Onnx.Proto.AttributeProto.Types.Kind;

namespace Int8Runtime.Onnx.Export;

/// <summary>Writes a graph as a model.</summary>
internal static class GraphWriter
{
    /// <summary>Builds the message; tensors share their bytes with the graph.</summary>
    /// <exception cref="ModelFormatException">The graph is inconsistent.</exception>
    public static ModelProto Write(ModelGraph graph)
    {
        graph.Validate();
        int operatorSet = OperatorSets.For(graph);
        var model = new ModelProto
        {
            IrVersion = OperatorSets.IrVersionOf(operatorSet),
            ProducerName = "Int8Runtime",
            ProducerVersion = typeof(GraphWriter).Assembly.GetName().Version?.ToString(3) ?? "",
            DocString = graph.Provenance.Description,
            Graph = WriteGraph(graph, operatorSet),
        };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = operatorSet });
        foreach (string domain in graph.Nodes.Select(n => n.Domain).Where(d => d.Length > 0).Distinct())
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = 1 });
        foreach ((string key, string value) in graph.Provenance.Properties)
            model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        return model;
    }

    private static GraphProto WriteGraph(ModelGraph graph, int operatorSet)
    {
        var proto = new GraphProto { Name = graph.Name.Length > 0 ? graph.Name : "graph" };
        var written = new HashSet<GraphValue>();
        foreach (GraphNode node in graph.Nodes)
        {
            NodeProto nodeProto = WriteNode(node, operatorSet, out int inputs);
            proto.Node.Add(nodeProto);
            foreach (GraphValue? input in node.Inputs.Take(inputs))
                WriteConstant(proto, input, written);
        }
        foreach (GraphValue input in graph.Inputs)
            proto.Input.Add(WriteValue(input));
        foreach (GraphValue output in graph.Outputs)
        {
            WriteConstant(proto, output, written);
            proto.Output.Add(WriteValue(output));
        }
        return proto;
    }

    private static void WriteConstant(GraphProto proto, GraphValue? value, HashSet<GraphValue> written)
    {
        if (value?.Constant is { } content && written.Add(value))
            proto.Initializer.Add(TensorWriter.Write(value.Name, content));
    }

    // inputs: how many operands stay inputs in this operator set.
    private static NodeProto WriteNode(GraphNode node, int operatorSet, out int inputs)
    {
        var proto = new NodeProto { Name = node.Name, OpType = node.OpType, Domain = node.Domain };
        inputs = node.Inputs.Count;
        if (operatorSet < AttributeAxes.InputSince && AttributeAxes.Applies(node))
        {
            inputs = Math.Min(inputs, 1);
            if (node.ConstantInput(1) is { ElementCount: > 0 } axes)
                proto.Attribute.Add(WriteAttribute("axes", axes.ToInt64Array()));
        }
        while (inputs > 0 && node.Inputs[inputs - 1] is null)
            inputs--;
        for (int i = 0; i < inputs; i++)
            proto.Input.Add(node.Inputs[i]?.Name ?? "");

        int outputs = node.Outputs.Count;
        while (outputs > 1 && node.Outputs[outputs - 1].IsOmitted)
            outputs--;
        for (int i = 0; i < outputs; i++)
            proto.Output.Add(node.Outputs[i].IsOmitted ? "" : node.Outputs[i].Name);

        foreach ((string name, object value) in node.Attributes)
        {
            if (IsKnownTo(node, name, operatorSet))
                proto.Attribute.Add(WriteAttribute(name, value));
        }
        return proto;
    }

    // Attributes that say what older operator sets take for granted.
    private static bool IsKnownTo(GraphNode node, string attribute, int operatorSet) => (node.OpType, attribute) switch
    {
        ("Split", "num_outputs") => operatorSet >= 18,
        ("Cast" or "CastLike" or "QuantizeLinear", "saturate") => operatorSet >= 19,
        ("Reshape", "allowzero") => operatorSet >= 14,
        (_, "noop_with_empty_axes") when AttributeAxes.Applies(node) => operatorSet >= AttributeAxes.InputSince,
        _ => true,
    };

    private static AttributeProto WriteAttribute(string name, object value)
    {
        var proto = new AttributeProto { Name = name };
        switch (value)
        {
            case long integer:
                (proto.Type, proto.I) = (Kind.Int, integer);
                break;
            case float real:
                (proto.Type, proto.F) = (Kind.Float, real);
                break;
            case string text:
                (proto.Type, proto.S) = (Kind.String, ByteString.CopyFromUtf8(text));
                break;
            case TensorData tensor:
                (proto.Type, proto.T) = (Kind.Tensor, TensorWriter.Write("", tensor));
                break;
            case long[] integers:
                proto.Type = Kind.Ints;
                proto.Ints.AddRange(integers);
                break;
            case float[] reals:
                proto.Type = Kind.Floats;
                proto.Floats.AddRange(reals);
                break;
            case string[] texts:
                proto.Type = Kind.Strings;
                proto.Strings.AddRange(texts.Select(ByteString.CopyFromUtf8));
                break;
            default:
                throw new InvalidOperationException($"Attribute '{name}' holds a {value.GetType().Name}.");
        }
        return proto;
    }

    private static ValueInfoProto WriteValue(GraphValue value)
    {
        var tensor = new TypeProto.Types.Tensor { ElemType = ElementTypeCodes.ToCode(value.ElementType) };
        if (value.Shape is { } shape)
        {
            tensor.Shape = new TensorShapeProto();
            foreach (GraphDimension dimension in shape)
            {
                var proto = new TensorShapeProto.Types.Dimension();
                if (dimension.Extent is { } extent)
                    proto.DimValue = extent;
                else if (dimension.Symbol is { } symbol)
                    proto.DimParam = symbol;
                tensor.Shape.Dim.Add(proto);
            }
        }
        return new ValueInfoProto { Name = value.Name, Type = new TypeProto { TensorType = tensor } };
    }
}
