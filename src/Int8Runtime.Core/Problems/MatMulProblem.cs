// The shapes of a matrix product.
namespace Int8Runtime;

/// <summary>The shapes of a matrix product; leading dimensions of 1 broadcast.</summary>
public sealed record MatMulProblem : ProblemShape
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.MatMul;

    /// <summary>The left operand, [… , M, K].</summary>
    public required Shape Source { get; init; }

    /// <summary>The right operand, [… , K, N].</summary>
    public required Shape Weights { get; init; }

    /// <summary>The destination, [… , M, N].</summary>
    public Shape Destination
    {
        get
        {
            int[] dimensions = [.. Source.Zip(Weights, Math.Max)];
            (dimensions[^2], dimensions[^1]) = (Source[^2], Weights[^1]);
            return dimensions;
        }
    }

    /// <inheritdoc/>
    public override long MultiplyAccumulates => Destination.ElementCount * Source[^1];

    /// <inheritdoc/>
    public override MatMulDescriptor ToDescriptor(OperandTypes types, bool bias) => new()
    {
        Source = new MemoryDescriptor(Source, types.Source),
        Weights = MemoryDescriptor.Any(Weights, types.Weights),
        Bias = bias ? new MemoryDescriptor([.. Shape.Filled(Source.Rank - 1, 1), Weights[^1]], DataType.Float32) : null,
        Destination = new MemoryDescriptor(Destination, types.Destination),
    };

    /// <inheritdoc/>
    public override string ShapeText() => $"{Source}:{Weights}";
}
