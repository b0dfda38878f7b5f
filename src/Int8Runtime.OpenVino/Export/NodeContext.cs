// What the exporter of a node sees: operands with types, and ways to add layers.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Export;

/// <summary>One node while it is written as layers.</summary>
internal sealed class NodeContext(GraphNode node, IrModel model, Func<GraphValue, IrValue> resolve, Func<GraphValue, long[]> extentsOf)
{
    private readonly IrValue?[] _results = new IrValue?[node.Outputs.Count];

    public GraphNode Node { get; } = node;

    public GraphAttributes Attributes => Node.Attributes;

    /// <summary>The layers' values for the results of the node.</summary>
    public IReadOnlyList<IrValue?> Results => _results;

    public bool Has(int index) => Node.OptionalInput(index) is not null;

    public IrValue Input(int index) => resolve(Node.Input(index));

    /// <summary>A value of the graph that is no operand of the node.</summary>
    public IrValue ResolveOf(GraphValue value) => resolve(value);

    public IrModel Model => model;

    public IrValue[] AllInputs() => [.. Node.Inputs.Where(i => i is not null).Select(i => resolve(i!))];

    public TensorData? ConstantInput(int index) => Node.ConstantInput(index);

    /// <summary>The rank of an operand.</summary>
    public int Rank(int index) => extentsOf(Node.Input(index)).Length;

    /// <summary>The extents of an operand, −1 where they are free.</summary>
    public long[] Extents(int index) => extentsOf(Node.Input(index));

    /// <summary>Type and extents of a result.</summary>
    public (DataType Type, long[] Extents) ResultType(int index = 0) => (Node.Outputs[index].ElementType, extentsOf(Node.Outputs[index]));

    /// <summary>Writes the layer that delivers the first result.</summary>
    public void Emit(string type, int operatorSet, IReadOnlyList<IrValue> operands, params ReadOnlySpan<(string, object)> attributes) =>
        _results[0] = model.Add(type, operatorSet, Node.Output.Name, attributes.ToArray(), operands, ResultType())[0];

    /// <summary>Writes the layer that delivers all results.</summary>
    public void EmitAll(string type, int operatorSet, IReadOnlyList<IrValue> operands, params ReadOnlySpan<(string, object)> attributes)
    {
        IrValue[] values = model.Add(
            type, operatorSet, Node.Outputs.Count == 1 ? Node.Output.Name : Node.Name, attributes.ToArray(), operands,
            [.. Enumerable.Range(0, Node.Outputs.Count).Select(ResultType)]);
        for (int i = 0; i < values.Length; i++)
            _results[i] = values[i];
    }

    /// <summary>Writes a layer with an intermediate result.</summary>
    public IrValue Step(
        string type, int operatorSet, IReadOnlyList<IrValue> operands, (DataType Type, long[] Extents) result,
        params ReadOnlySpan<(string, object)> attributes) =>
        model.Add(type, operatorSet, $"{Node.Output.Name}/{type}", attributes.ToArray(), operands, result)[0];

    /// <summary>Makes an existing value a result.</summary>
    public void Pass(IrValue value, int index = 0) => _results[index] = value;

    public IrValue Constant(string role, TensorData content) => model.Constant($"{Node.Output.Name}/{role}", content);

    public IrValue Integers(string role, params ReadOnlySpan<long> values) => Constant(role, TensorData.Vector(values));

    public IrValue Number(string role, float value) => Constant(role, TensorData.Scalar(value));

    /// <summary>An operand under another shape.</summary>
    public IrValue Reshaped(IrValue value, long[] extents)
    {
        if (value.Extents.AsSpan().SequenceEqual(extents))
            return value;
        return value.Content is { } content && Array.TrueForAll(extents, e => e >= 0)
            ? Constant("reshaped", content.Reshaped(Array.ConvertAll(extents, e => (int)e)))
            : Step("Reshape", 1, [value, Integers("shape", extents)], (value.Type, extents), ("special_zero", false));
    }

    /// <summary>A vector of channels as [1, C, 1, …].</summary>
    public IrValue PerChannel(IrValue vector, int rank) => Reshaped(vector, [1, vector.Extents[0], .. Enumerable.Repeat(1L, rank - 2)]);

    public UnsupportedModelException Unsupported(string what) =>
        new($"{Node} {what}, which cannot be written as OpenVINO IR. {NodeExporters.Remedy}");
}
