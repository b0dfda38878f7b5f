// A tensor between operations.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Operand <paramref name="Index"/> of <paramref name="Operation"/>.</summary>
internal readonly record struct OperandUse(Operation Operation, int Index);

/// <summary>A tensor of a known shape and type that an operation produces, the caller supplies, or a constant.</summary>
internal sealed class Edge(string name, DataType type, Shape shape, TensorData? constant = null)
{
    private readonly List<OperandUse> _uses = [];

    /// <summary>The name of the graph value it stands for.</summary>
    public string Name { get; } = name;

    /// <summary>The element type in memory.</summary>
    public DataType Type { get; set; } = type;

    /// <summary>Logical extents.</summary>
    public Shape Shape { get; } = shape;

    /// <summary>The constant content, or null.</summary>
    public TensorData? Constant { get; } = constant;

    /// <summary>The operation that writes it; null for inputs and constants.</summary>
    public Operation? Producer { get; internal set; }

    /// <summary>Every operand that reads it.</summary>
    public IReadOnlyList<OperandUse> Uses => _uses;

    /// <summary>Whether the caller supplies it.</summary>
    public bool IsInput { get; init; }

    /// <summary>Whether the caller reads it after a run.</summary>
    public bool IsOutput { get; set; }

    /// <summary>The concatenation into whose memory the producer writes directly; null where the tensor has its own.</summary>
    public ConcatSlot? Slot { get; set; }

    /// <summary>The only operand that reads it, or null where there are several readers, none, or the caller reads it.</summary>
    public OperandUse? SoleUse => _uses.Count == 1 && !IsOutput ? _uses[0] : null;

    internal void AddUse(OperandUse use) => _uses.Add(use);

    internal void RemoveUse(OperandUse use) => _uses.Remove(use);

    public override string ToString() => $"{Name}:{Type.ToShortName()}:{Shape}";
}

/// <summary>A place inside the result of a concatenation.</summary>
/// <param name="Concat">The concatenation.</param>
/// <param name="Start">First index along its axis.</param>
internal sealed record ConcatSlot(Operation Concat, int Start);

/// <summary>A tensor as an operation reads it.</summary>
/// <param name="Edge">The tensor.</param>
/// <param name="Quantization">What its integers stand for; null where the elements are taken as they are.</param>
internal sealed record Operand(Edge Edge, Quantization? Quantization = null)
{
    public Shape Shape => Edge.Shape;
}
