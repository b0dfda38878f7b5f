// What a primitive does beside its operation: quantization, post-ops, numeric mode.
namespace Int8Runtime;

/// <summary>How integer products may be computed.</summary>
public enum NumericMode
{
    /// <summary>The exact 32-bit sums on every CPU.</summary>
    Exact,

    /// <summary>Products may saturate at 16 bits on CPUs without dot-product instructions.</summary>
    Fast,

    /// <summary>
    /// The exact sums as well; on CPUs without dot-product instructions by pairs of 8-bit products, with weights split where a pair
    /// would saturate. Faster than <see cref="Exact"/> where hardly any do (weights of 7 bits have none), slower where many do.
    /// </summary>
    ExactPairs,

    /// <summary>
    /// By pairs of 8-bit products on CPUs without dot-product instructions, with the promise that no two weights that meet are beyond 128
    /// together (<see cref="WeightPairs"/>; those of u8 with 128 subtracted), of which weights in ±64 are a case: two products
    /// then never leave 16 bits, so the sums are exact. With other weights it is <see cref="Fast"/>.
    /// </summary>
    NarrowWeights,

    /// <summary>
    /// The exact sums as well; on CPUs without dot-product instructions four 8-bit products are summed in 16 bits, with weights split where
    /// such a sum would saturate. Faster than <see cref="NarrowWeights"/> where few do (most products with weights of 7 bits).
    /// </summary>
    ExactQuads,
}

/// <summary>In which type f32 operands of a product may be multiplied.</summary>
public enum FloatMath
{
    /// <summary>As they are.</summary>
    Strict,

    /// <summary>
    /// Rounded to bf16 where the CPU multiplies bf16 faster (AVX512_BF16), at a relative error of up to 2⁻⁸ for each product; sums
    /// stay f32.
    /// </summary>
    BFloat16,
}

/// <summary>Who owns the scratch memory of executions.</summary>
public enum ScratchpadMode
{
    /// <summary>The stream.</summary>
    Library,

    /// <summary>The caller, who gives <see cref="Primitive.ScratchBytes"/> bytes with each execution.</summary>
    User,
}

/// <summary>
/// Attributes of a primitive. <c>real = scale·(q − zeroPoint)</c> for each quantized operand; unset scales are 1 and
/// unset zero points 0.
/// </summary>
public sealed record PrimitiveAttributes
{
    /// <summary>Attributes without any quantization or post-op.</summary>
    public static PrimitiveAttributes Default { get; } = new();

    /// <summary>Scale of the source (of the first source where there are two).</summary>
    public QuantizationScale? SourceScale { get; init; }

    /// <summary>Zero point of the source (of the first source where there are two).</summary>
    public ZeroPoint? SourceZeroPoint { get; init; }

    /// <summary>Scale of the second source of a binary primitive.</summary>
    public QuantizationScale? Source1Scale { get; init; }

    /// <summary>Zero point of the second source of a binary primitive.</summary>
    public ZeroPoint? Source1ZeroPoint { get; init; }

    /// <summary>Scale of the weights; per channel means per output channel (per column of a matrix product).</summary>
    public QuantizationScale? WeightsScale { get; init; }

    /// <summary>Zero point of the weights.</summary>
    public ZeroPoint? WeightsZeroPoint { get; init; }

    /// <summary>Scale of the destination.</summary>
    public QuantizationScale? DestinationScale { get; init; }

    /// <summary>Zero point of the destination.</summary>
    public ZeroPoint? DestinationZeroPoint { get; init; }

    /// <summary>Operations applied before the destination is quantized.</summary>
    /// <exception cref="ArgumentNullException">It is set to null; a chain without post-ops is <see cref="PostOpChain.Empty"/>.</exception>
    public PostOpChain PostOps { get; init => field = value ?? throw new ArgumentNullException(nameof(PostOps)); } = PostOpChain.Empty;

    /// <summary>Exact integer products, or faster ones that may saturate.</summary>
    public NumericMode NumericMode { get; init; }

    /// <summary>
    /// Whether f32 operands of convolution, inner product and matrix product may be rounded to bf16 for speed. Kernels that have
    /// nothing to gain, and the reference, compute strictly.
    /// </summary>
    public FloatMath FloatMath { get; init; }

    /// <summary>Whether executions use scratch memory of the stream or of the caller.</summary>
    public ScratchpadMode Scratchpad { get; init; }
}
