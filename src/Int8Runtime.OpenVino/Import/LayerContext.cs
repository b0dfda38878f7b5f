// What the importer of a layer sees: operands, attributes, and ways to add nodes.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Composition;

namespace Int8Runtime.OpenVino.Import;

/// <summary>
/// A result of a layer: a value of the graph, or a constant in compressed form that becomes a value when somebody uses it.
/// </summary>
internal sealed class LayerResult(string name)
{
    private GraphValue? _value;

    public string Name { get; } = name;

    /// <summary>The constant, or null.</summary>
    public CompressedConstant? Compressed { get; init; }

    /// <summary>Whether the elements are the integers themselves, and not the real numbers that they stand for.</summary>
    public bool IsInteger { get; init; }

    /// <summary>The value in the graph.</summary>
    public GraphValue Value(ModelGraph graph) =>
        _value ??= IsInteger ? graph.AddConstant(Name, Compressed!.Integers) : Compressed!.AddTo(graph, Name);

    public static LayerResult Of(GraphValue value) => new(value.Name) { _value = value };
}

/// <summary>One layer while it is turned into nodes.</summary>
/// <param name="layer">The layer.</param>
/// <param name="graph">The graph that is built.</param>
/// <param name="inputs">The operands.</param>
/// <param name="ports">What the file says of the operands.</param>
internal sealed class LayerContext(IrLayer layer, ModelGraph graph, LayerResult[] inputs, IrPort[] ports)
{
    private readonly LayerResult?[] _results = new LayerResult?[layer.Outputs.Count];

    public IrLayer Layer { get; } = layer;

    public ModelGraph Graph { get; } = graph;

    public int InputCount => inputs.Length;

    /// <summary>The results; null where the importer made none.</summary>
    public IReadOnlyList<LayerResult?> Results => _results;

    /// <summary>The operand at <paramref name="index"/>.</summary>
    /// <exception cref="ModelFormatException">It is missing.</exception>
    public GraphValue Input(int index) => index < inputs.Length
        ? inputs[index].Value(Graph)
        : throw Defect($"input {index} is missing");

    /// <summary>The operand, or null where there are fewer.</summary>
    public GraphValue? OptionalInput(int index) => index < inputs.Length ? Input(index) : null;

    /// <summary>All operands.</summary>
    public GraphValue?[] AllInputs() => [.. Enumerable.Range(0, InputCount).Select(Input)];

    /// <summary>The real numbers of an operand in compressed form, or null.</summary>
    public CompressedConstant? Compressed(int index) => index < inputs.Length && !inputs[index].IsInteger ? inputs[index].Compressed : null;

    /// <summary>The 8-bit integers of a constant operand, or null.</summary>
    public TensorData? Integers8(int index) => index < inputs.Length && inputs[index].IsInteger ? inputs[index].Compressed!.Integers : null;

    /// <summary>The content of an operand that is a constant, in compressed form or not.</summary>
    public TensorData? Constant(int index) => index >= inputs.Length ? null
        : Compressed(index) is { } compressed ? compressed.ToReal() : Integers8(index) ?? Input(index).Constant;

    /// <summary>The content of an operand that has to be constant.</summary>
    /// <exception cref="UnsupportedModelException">It is computed.</exception>
    public TensorData KnownConstant(int index, string role) => index >= inputs.Length
        ? throw Defect($"input {index} ({role}) is missing")
        : Constant(index) ?? throw Unsupported($"has {role} that are computed at run time");

    /// <summary>The rank that the file states for an operand.</summary>
    public int Rank(int index) => index < ports.Length ? ports[index].Dimensions.Count : throw Defect($"input {index} is missing");

    /// <summary>The extents that the file states for an operand, −1 where they are free.</summary>
    public IReadOnlyList<long> Dimensions(int index) =>
        index < ports.Length ? ports[index].Dimensions : throw Defect($"input {index} is missing");

    /// <summary>The element type of an operand as the graph has it.</summary>
    public DataType ElementType(int index)
    {
        GraphValue value = Input(index);
        if (value.ElementType != DataType.Undefined)
            return value.ElementType;
        DataType type = ports[index].Precision.Length == 0 ? DataType.Undefined
            : IrElementTypes.Parse(ports[index].Precision, Layer.ToString());
        return IrElementTypes.IsHalf(type) ? DataType.Float32 : type;
    }

    /// <summary>Whether an operand holds integers.</summary>
    public bool IsInteger(int index) =>
        ElementType(index) is DataType.Int64 or DataType.Int32 or DataType.Int16 or DataType.UInt16 or DataType.Int8 or DataType.UInt8;

    // Attributes

    public bool Has(string name) => Layer.Data.ContainsKey(name);

    public string Text(string name, string? fallback = null) =>
        Layer.Data.TryGetValue(name, out string? text) ? text.Trim() : fallback ?? throw Defect($"the attribute '{name}' is missing");

    public long Integer(string name, long? fallback = null) => Parse(name, IrText.Integer, fallback);

    public double Real(string name, double? fallback = null) => Parse(name, IrText.Real, fallback);

    public bool Boolean(string name, bool? fallback = null) => Parse(name, IrText.Boolean, fallback);

    public long[] Integers(string name, long[]? fallback = null) =>
        !Has(name) && fallback is not null ? fallback : IrText.Integers(Text(name)) ?? throw Malformed(name);

    public float[] Reals(string name, float[]? fallback = null) =>
        !Has(name) && fallback is not null ? fallback : Array.ConvertAll(IrText.Reals(Text(name)) ?? throw Malformed(name), r => (float)r);

    /// <summary>An element type as ONNX code; half precision is computed in f32.</summary>
    public long TypeCode(string name, string? fallback = null)
    {
        DataType type = IrElementTypes.Parse(Text(name, fallback), Layer.ToString());
        return ElementTypeCodes.ToCode(IrElementTypes.IsHalf(type) ? DataType.Float32 : type);
    }

    // Nodes

    /// <summary>Adds a node that delivers the only (or first) result.</summary>
    public void Emit(string opType, ReadOnlySpan<GraphValue?> operands, GraphAttributes? attributes = null, string domain = "") =>
        EmitMany(opType, 1, operands, attributes, domain);

    /// <summary>Adds a node that delivers several results.</summary>
    public void EmitMany(string opType, int count, ReadOnlySpan<GraphValue?> operands, GraphAttributes? attributes = null,
        string domain = "")
    {
        if (_results.Length < count)
            throw Defect($"it has {_results.Length} outputs instead of {count}");
        var outputs = new GraphValue[count];
        for (int i = 0; i < count; i++)
        {
            outputs[i] = Graph.AddValue(Graph.UniqueValueName(NameOf(i)));
            _results[i] = LayerResult.Of(outputs[i]);
        }

        Graph.AddNode(opType, operands, outputs, attributes, Layer.Name, domain);
    }

    /// <summary>Adds the nodes that the layer is made of, under its name; one of them delivers the only result.</summary>
    public GraphComposer Composer()
    {
        GraphValue output = Graph.AddValue(Graph.UniqueValueName(NameOf(0)));
        _results[0] = LayerResult.Of(output);
        return new GraphComposer(Graph, Layer.Name, [output]);
    }

    /// <summary>Adds a node with an intermediate result.</summary>
    public GraphValue Step(string opType, ReadOnlySpan<GraphValue?> operands, GraphAttributes? attributes = null) =>
        Graph.AddOperation(opType, $"{Layer.Name}:{opType}", operands, attributes);

    /// <summary>Makes an existing value a result.</summary>
    public void Pass(GraphValue value, int index = 0) => _results[index] = LayerResult.Of(value);

    /// <summary>Makes a compressed constant the result.</summary>
    public void Pass(CompressedConstant constant) => _results[0] = new LayerResult(Layer.Name) { Compressed = constant };

    /// <summary>Makes the result of another layer that of this one.</summary>
    public void PassInput(int index) => _results[0] = inputs[index];

    public GraphValue AddConstant(string role, TensorData content) => Graph.AddConstant($"{Layer.Name}:{role}", content);

    public GraphValue AddIntegers(string role, params ReadOnlySpan<long> values) => AddConstant(role, TensorData.Vector(values));

    public GraphValue AddScalar<T>(string role, T value) where T : unmanaged => AddConstant(role, TensorData.Scalar(value));

    /// <summary>A number of the type of an operand.</summary>
    public GraphValue AddNumber(string role, double value, int like) =>
        AddConstant(role, TensorData.Scalar(value).ConvertTo(ElementType(like) is var type && type == DataType.Undefined
            ? DataType.Float32 : type));

    /// <summary>An operand as 64-bit integers in one dimension, which is how ONNX wants axes, sizes and positions.</summary>
    public GraphValue IntegerList(int index)
    {
        if (Constant(index) is { } constant)
            return AddConstant($"input_{index}", constant.ConvertTo(DataType.Int64).Reshaped([constant.ElementCount]));
        GraphValue value = Input(index);
        if (ElementType(index) != DataType.Int64)
            value = Cast(value, DataType.Int64);
        return Rank(index) == 1 ? value : Step("Reshape", [value, AddIntegers("list", -1)]);
    }

    public GraphValue Cast(GraphValue value, DataType type) =>
        Step("Cast", [value], new GraphAttributes { { "to", ElementTypeCodes.ToCode(type) } });

    public ModelFormatException Defect(string defect) => new($"{Layer}: {defect}. The model is damaged; convert it again.");

    public UnsupportedModelException Unsupported(string what) =>
        new($"{Layer} {what}, which is not supported. Convert the model without it.");

    private string NameOf(int index) => Layer.Outputs.Count == 1 ? Layer.Name : $"{Layer.Name}.{index}";

    private T Parse<T>(string name, Func<string, T?> parse, T? fallback) where T : struct =>
        !Has(name) && fallback is { } value ? value : parse(Text(name)) ?? throw Malformed(name);

    private ModelFormatException Malformed(string name) => Defect($"the attribute '{name}' is '{Text(name)}'");
}
