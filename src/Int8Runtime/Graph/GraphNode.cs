// An operator of a graph with its operands, results and attributes.
namespace Int8Runtime.Graph;

/// <summary>A node of a <see cref="ModelGraph"/>. Operators have the meaning that ONNX gives them at
/// <see cref="ModelGraph.OperatorSet"/>; an operand that the operator allows to leave out is null.</summary>
public sealed class GraphNode
{
    private readonly GraphValue?[] _inputs;
    private readonly GraphValue[] _outputs;

    internal GraphNode(string name, string opType, string domain, GraphValue?[] inputs, GraphValue[] outputs)
    {
        Name = name;
        OpType = opType;
        Domain = domain;
        Attributes = new GraphAttributes($"Node '{name}' ({opType})");
        _inputs = inputs;
        _outputs = outputs;
    }

    /// <summary>The name, unique among the nodes of the graph.</summary>
    public string Name { get; }

    /// <summary>The operator, for example <c>Conv</c>.</summary>
    public string OpType { get; }

    /// <summary>The operator's domain: empty for the ONNX operators.</summary>
    public string Domain { get; }

    /// <summary>The attributes.</summary>
    public GraphAttributes Attributes { get; }

    /// <summary>The operands; null where an optional one is left out. Trailing optional operands may be missing
    /// altogether.</summary>
    public IReadOnlyList<GraphValue?> Inputs => _inputs;

    /// <summary>The results.</summary>
    public IReadOnlyList<GraphValue> Outputs => _outputs;

    /// <summary>The first result.</summary>
    public GraphValue Output => _outputs[0];

    /// <summary>The operand at <paramref name="index"/>, or null where it is left out.</summary>
    public GraphValue? OptionalInput(int index) => index < _inputs.Length ? _inputs[index] : null;

    /// <summary>The operand at <paramref name="index"/>.</summary>
    /// <exception cref="ModelFormatException">The operand is missing.</exception>
    public GraphValue Input(int index) => OptionalInput(index)
        ?? throw new ModelFormatException($"{this}: input {index} is missing. The model is damaged; export it again.");

    /// <summary>The constant content of an operand, or null where it is left out or not constant.</summary>
    public TensorData? ConstantInput(int index) => OptionalInput(index)?.Constant;

    /// <summary>Whether this is the ONNX operator <paramref name="opType"/>.</summary>
    public bool Is(string opType) => OpType == opType && Domain.Length == 0;

    /// <summary>Connects an operand to another value (or to none), and keeps the uses of both values true.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The node has no such operand.</exception>
    public void SetInput(int index, GraphValue? value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)_inputs.Length, nameof(index));
        _inputs[index]?.RemoveUse(new GraphUse(this, index));
        _inputs[index] = value;
        value?.AddUse(new GraphUse(this, index));
    }

    /// <summary>Node name and operator, as messages show them.</summary>
    public override string ToString() => $"Node '{Name}' ({(Domain.Length == 0 ? "" : Domain + ".")}{OpType})";
}
