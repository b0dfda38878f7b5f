// Matrix product with batch dimensions that broadcast.
namespace Int8Runtime;

/// <summary>
/// Matrix product: source [… , M, K] times weights [… , K, N] gives [… , M, N]; leading dimensions of 1 broadcast.
/// Transposed operands are expressed by strides. Weights scales per channel mean per column N.
/// </summary>
public sealed record MatMulDescriptor : PrimitiveDescriptor, IWeightedDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.MatMul;

    /// <summary>The left operand, [… , M, K].</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The right operand, [… , K, N].</summary>
    public required MemoryDescriptor Weights { get; init; }

    /// <summary>
    /// The bias in f32, bf16, f16, s32, s8 or u8; null for none. [N], or of the destination's rank with extents of 1 that are
    /// broadcast. It is converted to f32 and added unscaled.
    /// </summary>
    public MemoryDescriptor? Bias { get; init; }

    /// <summary>The destination, [… , M, N].</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>Rows of the destination.</summary>
    public int M => Destination.Dimensions[^2];

    /// <summary>Columns of the destination.</summary>
    public int N => Destination.Dimensions[^1];

    /// <summary>The summed extent.</summary>
    public int K => Source.Dimensions[^1];

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        int rank = Destination.Rank;
        Require(rank >= 2 && Source.Rank == rank && Weights.Rank == rank, "operands need the same rank, at least 2.");
        Require(Weights.Dimensions[^2] == K, $"the source has K = {K}, the weights {Weights.Dimensions[^2]}.");
        Require(Source.Dimensions[^2] == M && Weights.Dimensions[^1] == N,
            $"the destination needs {Source.Dimensions[^2]}x{Weights.Dimensions[^1]}.");
        for (int d = 0; d < rank - 2; d++)
        {
            int batch = Destination.Dimensions[d];
            Require((Source.Dimensions[d] == batch || Source.Dimensions[d] == 1)
                && (Weights.Dimensions[d] == batch || Weights.Dimensions[d] == 1),
                $"batch dimension {d} does not broadcast: {Source.Dimensions} · {Weights.Dimensions} → {Destination.Dimensions}.");
        }

        RequireBias(Bias, Destination, N);
        RequireChannels(attributes.WeightsScale, attributes.WeightsZeroPoint, N, "weights");
        RequireChannels(null, attributes.SourceZeroPoint, K, "source");
        RequireChannels(null, attributes.DestinationZeroPoint, N, "destination");
        long sources = Source.Dimensions.Slice(0, rank - 2).ElementCount, weights = Weights.Dimensions.Slice(0, rank - 2).ElementCount;
        RequireGroups(attributes.WeightsScale?.GroupSize, attributes.WeightsScale?.Values.Length, K, N, weights, mayEndEarly: true);
        RequireGroups(
            attributes.WeightsZeroPoint?.GroupSize, attributes.WeightsZeroPoint?.Values.Length, K, N, weights, mayEndEarly: true);
        RequireGroups(attributes.SourceScale?.GroupSize, attributes.SourceScale?.Values.Length, K, M, sources, mayEndEarly: false);
        RequireGroups(
            attributes.SourceZeroPoint?.GroupSize, attributes.SourceZeroPoint?.Values.Length, K, M, sources, mayEndEarly: false);
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("matmul", Source.Rank - 1);
        writer.Groups(Source.Dimensions, Weights.Dimensions);
        writer.Product(this, grouped: false);
        writer.MatrixBias(Bias, Source.Rank);
        int batch = Source.Rank - 2;
        writer.Broadcast(Destination.Dimensions.Slice(0, batch), Source.Dimensions.Slice(0, batch), Weights.Dimensions.Slice(0, batch));
        writer.Shape($"{Source.Dimensions}:{Weights.Dimensions}", Source, Weights);
    }
}

/// <summary>Memory of a matrix product.</summary>
/// <param name="Source">The left operand.</param>
/// <param name="Weights">The right operand in the layout of <see cref="Primitive.Weights"/>.</param>
/// <param name="Bias">The bias, or null.</param>
/// <param name="Destination">The destination.</param>
public readonly record struct MatMulArguments(
    TensorMemory Source, TensorMemory Weights, TensorMemory? Bias, TensorMemory Destination) : IPrimitiveArguments
{
    /// <inheritdoc/>
    public void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments) =>
        WeightedArguments.Bind<MatMulDescriptor>(descriptor, ref arguments, Source, Weights, Bias, Destination);
}
