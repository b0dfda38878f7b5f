// IrDocument → ModelGraph.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.OpenVino.Import;

/// <summary>Builds the graph of a model.</summary>
internal sealed class IrReader
{
    private readonly IrDocument _document;
    private readonly IrWeights _weights;
    private readonly ModelGraph _graph;
    private readonly Dictionary<(string Layer, int Port), LayerResult> _results = [];

    private IrReader(IrDocument document, IrWeights weights)
    {
        _document = document;
        _weights = weights;
        _graph = new ModelGraph(document.Name)
        {
            Provenance = new ModelProvenance
            {
                Format = "OpenVINO IR",
                FormatVersion = document.Version,
                OperatorSet = document.Layers.Select(l => l.OperatorSet).DefaultIfEmpty().Max(),
            },
        };
    }

    /// <summary>Builds the graph.</summary>
    /// <exception cref="ModelFormatException">The model is damaged or unsupported.</exception>
    public static ModelGraph Read(IrDocument document, IrWeights weights) => new IrReader(document, weights).Read();

    private ModelGraph Read()
    {
        foreach (IrLayer parameter in _document.Layers.Where(l => l.Type == "Parameter"))
            ReadParameter(parameter);
        IrLayer[] results = [.. _document.Layers.Where(l => l.Type == "Result")];
        if (results.Length == 0)
            throw new ModelFormatException("The IR has no Result layer. The file is damaged; convert the model again.");
        foreach (IrLayer layer in InOrder(results))
        {
            if (layer.Type is not ("Parameter" or "Result"))
                ReadLayer(layer);
        }

        foreach (IrLayer result in results)
            ReadResult(result);
        _graph.RemoveDeadNodes();
        _graph.Validate();
        return _graph;
    }

    // The layers that lead to results, operands first; without recursion, because chains are long.
    private List<IrLayer> InOrder(IrLayer[] results)
    {
        var order = new List<IrLayer>();
        var state = new Dictionary<IrLayer, bool>(ReferenceEqualityComparer.Instance);   // false: its operands are being visited
        var pending = new Stack<IrLayer>(results.Reverse());
        while (pending.TryPeek(out IrLayer? layer))
        {
            if (state.TryGetValue(layer, out bool isDone))
            {
                pending.Pop();
                if (!isDone)
                {
                    state[layer] = true;
                    order.Add(layer);
                }

                continue;
            }

            state.Add(layer, false);
            for (int i = layer.Inputs.Count - 1; i >= 0; i--)
            {
                IrLayer source = _document.SourceOf(layer, i).Layer;
                if (!state.TryGetValue(source, out bool known))
                    pending.Push(source);
                else if (!known)
                    throw new ModelFormatException(
                        $"{source} depends on itself: the graph has a cycle. The IR is damaged; convert the model again.");
            }
        }

        return order;
    }

    // Half-precision IRs of version 10 take and deliver f32; from 11 on the declared type counts.
    private void ReadParameter(IrLayer layer)
    {
        if (layer.Outputs.Count != 1)
            throw new ModelFormatException(
                $"{layer} has {layer.Outputs.Count} outputs instead of one. The IR is damaged; convert the model again.");
        string typeName = layer.Data.GetValueOrDefault("element_type") ?? layer.Outputs[0].Precision;
        DataType type = IrElementTypes.Parse(typeName, layer.ToString());
        if (_document.Version == 10 && IrElementTypes.IsHalf(type))
            type = DataType.Float32;
        GraphValue input = _graph.AddInput(_graph.UniqueValueName(layer.Name), type, ReadShape(layer));
        if (IrElementTypes.IsHalf(type))
        {
            var toSingle = new GraphAttributes { { "to", ElementTypeCodes.ToCode(DataType.Float32) } };
            input = _graph.AddOperation("Cast", input.Name + ":f32", [input], toSingle);
        }

        _results.Add((layer.Id, 0), LayerResult.Of(input));
    }

    private static GraphShape? ReadShape(IrLayer layer)
    {
        if (!layer.Data.TryGetValue("shape", out string? text))
            return new GraphShape([.. layer.Outputs[0].Dimensions.Select(Dimension)]);
        if (text.Trim() is "..." or "?...")
            return null;
        string[] parts = text.Trim().Length == 0 ? [] : text.Split(',');
        return new GraphShape([.. parts.Select(part => IrText.Integer(part) is { } extent ? Dimension(extent) : GraphDimension.Unknown)]);

        // A range such as 1..8 is a free dimension too.
        static GraphDimension Dimension(long extent) =>
            extent is >= 0 and < int.MaxValue ? GraphDimension.Of((int)extent) : GraphDimension.Unknown;
    }

    private void ReadLayer(IrLayer layer)
    {
        if (layer.Type == "Const")
        {
            ReadConstant(layer);
            return;
        }

        LayerImporter importer = LayerImporters.Find(layer);
        IrSource[] sources = [.. Enumerable.Range(0, layer.Inputs.Count).Select(i => _document.SourceOf(layer, i))];
        var context = new LayerContext(
            layer, _graph, [.. sources.Select(s => Resolve(layer, s))], [.. sources.Select(s => s.Layer.Outputs[s.Port])]);
        OperatorGuard.Run(layer.ToString(), layer.Name, () => importer(context));
        for (int i = 0; i < context.Results.Count; i++)
        {
            if (context.Results[i] is { } result)
                _results.Add((layer.Id, i), result);
        }
    }

    private LayerResult Resolve(IrLayer layer, IrSource source) =>
        _results.TryGetValue((source.Layer.Id, source.Port), out LayerResult? result)
        ? result
        : throw new UnsupportedModelException($"{layer} reads output {source.Port} of {source.Layer}, which is not supported.");

    private void ReadConstant(IrLayer layer)
    {
        string Attribute(string name) => layer.Data.GetValueOrDefault(name)
            ?? throw new ModelFormatException($"{layer} has no attribute '{name}'. The IR is damaged; convert the model again.");
        long Number(string name) => IrText.Integer(Attribute(name))
            ?? throw new ModelFormatException(
                $"{layer}: the attribute '{name}' is '{Attribute(name)}'. The IR is damaged; convert the model again.");
        long[]? extents = IrText.Integers(Attribute("shape"));
        if (extents is null || Array.Exists(extents, e => e is < 0 or >= int.MaxValue))
            throw new ModelFormatException($"{layer} has the shape '{Attribute("shape")}'. The IR is damaged; convert the model again.");
        string type = Attribute("element_type");
        TensorData content = _weights.Read(layer, type, Array.ConvertAll(extents, e => (int)e), Number("offset"), Number("size"));
        _results.Add((layer.Id, 0), content.ElementType.IsInt8()
            ? new LayerResult(layer.Name) { Compressed = CompressedConstant.Plain(content), IsInteger = true }
            : LayerResult.Of(_graph.AddConstant(layer.Name, content)));
    }

    // An output has the name of the layer that feeds the Result.
    private void ReadResult(IrLayer layer)
    {
        if (layer.Inputs.Count != 1)
            throw new ModelFormatException(
                $"{layer} has {layer.Inputs.Count} inputs instead of one. The IR is damaged; convert the model again.");
        IrSource source = _document.SourceOf(layer, 0);
        GraphValue value = Resolve(layer, source).Value(_graph);
        string name = source.Layer.Outputs.Count == 1 ? source.Layer.Name : $"{source.Layer.Name}.{source.Port}";
        string precision = source.Layer.Outputs[source.Port].Precision;
        DataType type = precision.Length == 0 ? DataType.Undefined : IrElementTypes.Parse(precision, layer.ToString());
        if (_document.Version > 10 && IrElementTypes.IsHalf(type))
        {
            var toHalf = new GraphAttributes { { "to", ElementTypeCodes.ToCode(type) } };
            value = _graph.AddOperation("Cast", name + ":half", [value], toHalf);
        }
        else if (IrElementTypes.IsHalf(type))
        {
            type = DataType.Float32;
        }

        if (value.IsGraphInput || value.IsGraphOutput || value.IsConstant || (value.Name != name && !_graph.TryGetValue(name, out _)))
            value = _graph.AddOperation("Identity", name, [value]);
        value.ElementType = type;
        value.Shape = new GraphShape([.. source.Layer.Outputs[source.Port].Dimensions.Select(
            d => d is >= 0 and < int.MaxValue ? GraphDimension.Of((int)d) : GraphDimension.Unknown)]);
        _graph.AddOutput(value);
    }
}
