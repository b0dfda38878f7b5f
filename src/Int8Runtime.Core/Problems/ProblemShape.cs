// What the problems that benchdnn's notation describes have in common.
namespace Int8Runtime;

/// <summary>The shapes of an operation, without types and layouts.</summary>
public abstract record ProblemShape
{
    private protected ProblemShape()
    {
    }

    /// <summary>The operation.</summary>
    public abstract PrimitiveKind Kind { get; }

    /// <summary>The problem's name; empty where it has none.</summary>
    public string Name { get; init; } = "";

    /// <summary>Useful multiply-accumulate operations; taps that fall on padding are not counted.</summary>
    public abstract long MultiplyAccumulates { get; }

    /// <summary>Describes the operation with channels last and weights in any layout.</summary>
    /// <param name="types">Types of the operands.</param>
    /// <param name="bias">Whether there is an f32 bias.</param>
    public abstract PrimitiveDescriptor ToDescriptor(OperandTypes types, bool bias);

    /// <summary>The problem in benchdnn's notation, with its name.</summary>
    public sealed override string ToString() => ShapeText() + (Name.Length == 0 ? "" : $"n\"{Name}\"");

    /// <summary>The problem in benchdnn's notation, without its name.</summary>
    public abstract string ShapeText();

    /// <summary>A tensor with its channels innermost, which for two dimensions is row-major.</summary>
    private protected static MemoryDescriptor ChannelsLast(Shape dimensions, DataType type) => dimensions.Rank > 2
        ? new MemoryDescriptor(dimensions, type, FormatTag.ChannelsLast(dimensions.Rank))
        : new MemoryDescriptor(dimensions, type);
}
