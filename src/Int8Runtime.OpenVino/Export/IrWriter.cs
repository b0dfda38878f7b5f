// ModelGraph → IrModel.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.OpenVino.Export;

/// <summary>Writes a graph as IR of version 11.</summary>
internal sealed class IrWriter
{
    private readonly ModelGraph _graph;
    private readonly IrModel _model;
    private readonly Dictionary<GraphValue, IrValue> _values = [];
    private readonly Dictionary<GraphValue, long[]> _extents = [];

    private IrWriter(ModelGraph graph)
    {
        _graph = graph.Clone();
        _model = new IrModel(graph.Name);
    }

    /// <summary>Builds the layers.</summary>
    /// <exception cref="UnsupportedModelException">A node has no form in OpenVINO's operator sets.</exception>
    /// <exception cref="ModelFormatException">The graph is inconsistent.</exception>
    public static IrModel Write(ModelGraph graph) => new IrWriter(graph).Write();

    private IrModel Write()
    {
        FakeQuantizeConversion.ApplyToConstants(_graph);
        ConstantFolding.Run(_graph);
        GraphCleanup.Run(_graph);
        InferExtents();
        foreach (GraphValue input in _graph.Inputs)
        {
            long[] extents = _extents[input];
            string shape = string.Join(",", extents.Select(e => e < 0 ? "?" : $"{e}"));
            _values.Add(input, _model.Add("Parameter", 1, input.Name,
                [("shape", shape), ("element_type", Import.IrElementTypes.AttributeName(input.ElementType))], [],
                (input.ElementType, extents))[0]);
        }

        NodeExporters.RequireForms(_graph);
        foreach (GraphNode node in _graph.Nodes)
        {
            if (QuantizedValues.IsPartOfConstant(node) || QuantizedValues.IsFirstHalf(node))
                continue;
            WriteNode(node);
        }

        foreach (GraphValue output in _graph.Outputs)
            WriteOutput(output);
        return _model;
    }

    private void WriteNode(GraphNode node)
    {
        var context = new NodeContext(node, _model, Resolve, value => _extents[value]);
        NodeExporters.Find(node)(context);
        for (int i = 0; i < node.Outputs.Count; i++)
        {
            if (context.Results[i] is { } result)
                _values[node.Outputs[i]] = result;
        }
    }

    private IrValue Resolve(GraphValue value)
    {
        if (_values.TryGetValue(value, out IrValue? known))
            return known;
        IrValue written = value.Constant is { } content ? _model.Constant(value.Name, content)
            : value.Producer is { } producer && QuantizedValues.IsPartOfConstant(producer)
                ? QuantizedValues.WriteConstant(_model, producer, null)
            : throw new UnsupportedModelException(
                $"'{value.Name}' is an output of {value.Producer} that cannot be written as OpenVINO IR. Write the model as .onnx.");
        _values.Add(value, written);
        return written;
    }

    // An output has the name of the layer that feeds its Result: where that layer has several results, a Convert to the same
    // type gives it one.
    private void WriteOutput(GraphValue output)
    {
        IrValue value = Resolve(output);
        if (!_model.IsSoleResultOf(value, output.Name))
        {
            value = _model.Add("Convert", 1, output.Name,
                [("destination_type", Import.IrElementTypes.AttributeName(value.Type))], [value], (value.Type, value.Extents))[0];
        }

        _model.Add("Result", 1, output.Name + "/sink_port_0", [], [value]);
    }

    // Free extents are those that change when the free extents of the inputs do, or the number of boxes or elements that are found.
    private void InferExtents()
    {
        Dictionary<string, Shape> Shapes(int free) => _graph.Inputs.ToDictionary(i => i.Name, i => i.Shape is { } shape
            ? (Shape)shape.Select(d => d.Extent ?? free).ToArray()
            : throw new UnsupportedModelException(
                $"The input '{i.Name}' has no shape. Set one before the model is written as OpenVINO IR."));
        bool isStatic = _graph.Inputs.All(i => i.Shape is { IsStatic: true });
        if (isStatic)
        {
            InferredTensors known = ShapeInference.Infer(_graph, Shapes(1), allowDynamic: true);
            known.Apply(_graph);   // what follows from the shapes alone is written as constants
            isStatic = !_graph.Values.Any(known.IsDynamic);
        }

        Dictionary<GraphValue, long[]>? other = null;
        if (!isStatic)
        {
            try
            {
                InferredTensors wide = ShapeInference.InferAssuming(_graph, Shapes(2), found: 3);
                other = _graph.Values.Where(v => !v.IsOmitted).ToDictionary(v => v, v => Extents(wide[v].Shape));
            }
            catch (ModelFormatException)
            {
                // The free extents have one value that fits: the model gets that one.
            }
        }

        InferredTensors tensors = ShapeInference.InferAssuming(_graph, Shapes(1), found: 2);
        foreach (GraphValue value in _graph.Values.Where(v => !v.IsOmitted))
        {
            long[] extents = Extents(tensors[value].Shape);
            for (int d = 0; other is not null && d < extents.Length; d++)
            {
                if (other[value].Length != extents.Length)
                {
                    throw new UnsupportedModelException(
                        $"'{value.Name}' has a rank that depends on the extents of the inputs. Fix their shapes before the model is "
                        + "written as OpenVINO IR.");
                }

                extents[d] = other[value][d] == extents[d] ? extents[d] : -1;
            }

            value.ElementType = tensors[value].ElementType;
            _extents.Add(value, extents);
        }
    }

    private static long[] Extents(Shape shape) => [.. shape.Select(e => (long)e)];
}
