// ModelGraph → ModelProto.
using Google.Protobuf;
using Int8Runtime.Graph;
using Int8Runtime.Graph.Shapes;
using Int8Runtime.Onnx.Proto;
using Kind = Int8Runtime.Onnx.Proto.AttributeProto.Types.Kind;

namespace Int8Runtime.Onnx.Export;

/// <summary>Writes a graph as a model.</summary>
internal sealed class GraphWriter
{
    private readonly ModelGraph _graph;
    private readonly OnnxFileForm _form;
    private readonly int _operatorSet;
    private readonly FileNames _names;
    private InferredTensors? _inferred;
    private readonly HashSet<string> _written = new(StringComparer.Ordinal);   // constants

    private GraphWriter(ModelGraph graph, OnnxFileForm form)
    {
        graph.Validate();
        _graph = FourBitConstants.Apply(graph);
        _form = form;
        _operatorSet = OperatorSets.For(_graph);
        _names = FileNames.Create(_graph, form);
    }

    /// <summary>Builds the message; tensors share their bytes with the graph.</summary>
    /// <exception cref="ModelFormatException">The graph is inconsistent.</exception>
    public static ModelProto Write(ModelGraph graph, OnnxFileForm form = OnnxFileForm.Complete) => new GraphWriter(graph, form).Write();

    private ModelProto Write()
    {
        var model = new ModelProto
        {
            IrVersion = OperatorSets.IrVersionOf(_operatorSet),
            ProducerName = "Int8Runtime",
            ProducerVersion = typeof(GraphWriter).Assembly.GetName().Version?.ToString(3) ?? "",
            Graph = WriteGraph(),
        };
        if (_form == OnnxFileForm.Complete)
            model.DocString = _graph.Provenance.Description;
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = _operatorSet });
        foreach (string domain in _graph.Nodes.Select(n => n.Domain).Where(d => d.Length > 0).Distinct())
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = 1 });
        foreach ((string key, string value) in _graph.Provenance.Properties)
            model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        return model;
    }

    private GraphProto WriteGraph()
    {
        var proto = new GraphProto { Name = _graph.Name.Length > 0 ? _graph.Name : "graph" };
        foreach (GraphNode node in _graph.Nodes)
        {
            proto.Node.Add(WriteNode(node, out int inputs));
            foreach (GraphValue? input in node.Inputs.Take(inputs))
                WriteConstant(proto, input);
        }
        foreach (GraphValue input in _graph.Inputs)
            proto.Input.Add(WriteValue(input, input.ElementType));
        foreach (GraphValue output in _graph.Outputs)
        {
            WriteConstant(proto, output);
            proto.Output.Add(WriteValue(output, TypeOf(output)));
        }
        return proto;
    }

    private void WriteConstant(GraphProto proto, GraphValue? value)
    {
        if (value?.Constant is { } content && _written.Add(_names.Of(value)))
            proto.Initializer.Add(TensorWriter.Write(_names.Of(value), content));
    }

    // inputs: how many operands stay inputs in this operator set.
    private NodeProto WriteNode(GraphNode node, out int inputs)
    {
        var proto = new NodeProto { OpType = node.OpType };
        if (_names.Of(node) is { Length: > 0 } nodeName)
            proto.Name = nodeName;
        if (node.Domain.Length > 0)
            proto.Domain = node.Domain;
        inputs = node.Inputs.Count;
        if (_operatorSet < AttributeAxes.InputSince && AttributeAxes.Applies(node))
        {
            inputs = Math.Min(inputs, 1);
            if (node.ConstantInput(1) is { ElementCount: > 0 } axes)
                proto.Attribute.Add(WriteAttribute("axes", axes.ToInt64Array()));
        }
        while (inputs > 0 && node.Inputs[inputs - 1] is null)
            inputs--;
        for (int i = 0; i < inputs; i++)
            proto.Input.Add(node.Inputs[i] is { } input ? _names.Of(input) : "");

        int outputs = node.Outputs.Count;
        while (outputs > 1 && node.Outputs[outputs - 1].IsOmitted)
            outputs--;
        for (int i = 0; i < outputs; i++)
            proto.Output.Add(node.Outputs[i].IsOmitted ? "" : _names.Of(node.Outputs[i]));

        foreach ((string name, object value) in node.Attributes)
        {
            if (IsKnownTo(node, name) && !(_form == OnnxFileForm.Compact && AttributeDefaults.IsRedundant(node, name, value)))
                proto.Attribute.Add(WriteAttribute(name, value));
        }
        return proto;
    }

    // Attributes that say what older operator sets take for granted.
    private bool IsKnownTo(GraphNode node, string attribute) => (node.OpType, attribute) switch
    {
        ("Split", "num_outputs") => _operatorSet >= 18,
        ("Cast" or "CastLike" or "QuantizeLinear", "saturate") => _operatorSet >= 19,
        ("Reshape", "allowzero") => _operatorSet >= 14,
        (_, "noop_with_empty_axes") when AttributeAxes.Applies(node) => _operatorSet >= AttributeAxes.InputSince,
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

    // A file states the type of every output; a graph that was built node by node may not.
    private DataType TypeOf(GraphValue output)
    {
        if (output.ElementType != DataType.Undefined)
            return output.ElementType;
        try
        {
            _inferred ??= ShapeInference.Infer(
                _graph, _graph.Inputs.Where(i => i.Shape is not null)
                    .ToDictionary(i => i.Name, i => (Shape)i.Shape!.Select(d => d.Extent ?? 1).ToArray(), StringComparer.Ordinal),
                allowDynamic: true);
            return _inferred[output].ElementType;
        }
        catch (Exception exception) when (exception is UnsupportedModelException or ModelFormatException or KeyNotFoundException)
        {
            return DataType.Undefined;   // written without a type, which readers then infer
        }
    }

    private static ValueInfoProto WriteValue(GraphValue value, DataType type)
    {
        if (type == DataType.Undefined)
            return new ValueInfoProto { Name = value.Name };
        var tensor = new TypeProto.Types.Tensor { ElemType = ElementTypeCodes.ToCode(type) };
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
