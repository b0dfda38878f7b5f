// The arithmetic between an accumulator and the store, shared by the normative reference and the generated kernels.
namespace Int8Runtime;

/// <summary>
/// What happens to an accumulator before it is stored:
/// <c>v = fma(f32(acc), Scale[c], Bias[c])</c>, the post-ops in order, <c>v·OutputMultiplier</c> unless that is 1, clamp to
/// <c>[LowerBound, UpperBound]</c> with NaN giving the lower bound, round to nearest even, add
/// <see cref="OutputZeroPoint"/>, saturate. Everything before the rounding is f32.
/// </summary>
/// <remarks>
/// Where every post-op is positively homogeneous (f(k·x) = k·f(x) for k &gt; 0 after its parameters are scaled), the
/// destination's scale is folded into scale, bias and post-op parameters, so that no separate multiplication is left; a
/// rectifier or clip at the end of the chain becomes a clamp bound. The reference evaluates this same record, so a kernel
/// that follows it is bit-exact. Which steps there are depends on the attributes alone, never on values that are given at
/// execution; the numbers of each step follow from <see cref="EpilogueFactors"/>.
/// </remarks>
internal sealed class Epilogue
{
    private const float LargestInt32 = 2147483520f;

    private readonly EpilogueFactors _factors;
    private readonly int _channels;
    private float[]? _scale;

    private Epilogue(EpilogueFactors factors, int channels) => (_factors, _channels) = (factors, channels);

    /// <summary>The attributes that were planned.</summary>
    public required PrimitiveAttributes Attributes { get; init; }

    /// <summary>
    /// Factor of the accumulator for each channel. Computed when it is first read: a plan that refuses the layout of an operand
    /// never asks for it.
    /// </summary>
    public float[] Scale => _scale ??= ScalesOf(default);

    /// <summary>Factor by which the caller's bias is multiplied before it is added (1 unless folded).</summary>
    public required float BiasMultiplier { get; init; }

    /// <summary>Post-ops with folded parameters.</summary>
    public required PostOpChain PostOps { get; init; }

    /// <summary>Factor applied after the post-ops; 1 where it is folded or not needed.</summary>
    public required float OutputMultiplier { get; init; }

    /// <summary>Integer added after rounding.</summary>
    public required int OutputZeroPoint { get; init; }

    /// <summary>The integer of each channel where they differ; null for <see cref="OutputZeroPoint"/>.</summary>
    public int[]? OutputZeroPoints { get; init; }

    /// <summary>Lower clamp bound, before the zero point is added; −∞ where nothing is clamped.</summary>
    public required float LowerBound { get; init; }

    /// <summary>Upper clamp bound, before the zero point is added; +∞ where nothing is clamped.</summary>
    public required float UpperBound { get; init; }

    /// <summary>The bounds of the destination alone, before post-ops narrowed them.</summary>
    public required (float Lower, float Upper) OuterBounds { get; init; }

    /// <summary>Type of the stored value.</summary>
    public required DataType DestinationType { get; init; }

    /// <summary>True if the 32-bit accumulator itself is the result: nothing to scale, add or clamp.</summary>
    public bool StoresAccumulator { get; private set; }

    /// <summary>True if values are clamped before the store.</summary>
    public bool Clamps => LowerBound > float.NegativeInfinity || UpperBound < float.PositiveInfinity;

    /// <summary>True if the factor of the accumulator is known at execution only.</summary>
    public bool HasRuntimeScale => Attributes.SourceScale is { IsRuntime: true } || Attributes.WeightsScale is { IsRuntime: true }
        || (HasRuntimeDestinationScale && EpilogueFactors.Folds(Attributes.PostOps));

    /// <summary>True if the destination's scale is known at execution only.</summary>
    public bool HasRuntimeDestinationScale => Attributes.DestinationScale is { IsRuntime: true };

    /// <summary>True if the destination's zero point is known at execution only.</summary>
    public bool HasRuntimeZeroPoint => Attributes.DestinationZeroPoint is { IsRuntime: true };

    /// <summary>True if any number of the epilogue is known at execution only.</summary>
    public bool IsRuntime => HasRuntimeScale || HasRuntimeDestinationScale || HasRuntimeZeroPoint;

    /// <summary>True if values are multiplied after the post-ops.</summary>
    public bool Multiplies => OutputMultiplier != 1f || (HasRuntimeDestinationScale && !EpilogueFactors.Folds(Attributes.PostOps));

    /// <summary>Plans the arithmetic for a primitive with weights.</summary>
    /// <param name="attributes">Scales, zero points and post-ops; run-time values are taken from the last argument.</param>
    /// <param name="accumulatorType">s32 for integer products, f32 otherwise.</param>
    /// <param name="destinationType">Type of the destination.</param>
    /// <param name="channels">Number of output channels.</param>
    /// <param name="hasBias">Whether a bias will be added.</param>
    /// <param name="runtime">Values of scales and zero points that are given at execution.</param>
    public static Epilogue Create(
        PrimitiveAttributes attributes, DataType accumulatorType, DataType destinationType, int channels, bool hasBias,
        RuntimeQuantization runtime = default)
    {
        EpilogueFactors factors = EpilogueFactors.Of(attributes, runtime);
        int[]? zeroPoints = null;
        if (attributes.DestinationZeroPoint is { Granularity: QuantizationGranularity.PerChannel, IsZero: false } perChannel
            && !destinationType.IsFloatingPoint())
            zeroPoints = perChannel.Values.ToArray();
        int zeroPoint = zeroPoints is null ? factors.ZeroPoint : 0;
        PostOpChain chain = attributes.PostOps;
        PostOpChain postOps = factors.IsFolded && factors.Inverse != 1.0 ? ScaleParameters(chain, factors.Inverse) : chain;
        (float lower, float upper) = zeroPoints is null
            ? BoundsOf(destinationType, zeroPoint)
            : Intersect(BoundsOf(DataType.Int32, zeroPoints.Min()), BoundsOf(DataType.Int32, zeroPoints.Max()));
        (float Lower, float Upper) outer = (lower, upper);
        if (factors.Multiplier == 1f && (factors.IsFolded || attributes.DestinationScale is not { IsRuntime: true }))
            postOps = TakeBounds(postOps, ref lower, ref upper);
        var epilogue = new Epilogue(factors, channels)
        {
            Attributes = attributes,
            BiasMultiplier = factors.BiasMultiplier,
            PostOps = postOps,
            OutputMultiplier = factors.Multiplier,
            OutputZeroPoint = zeroPoint,
            OutputZeroPoints = zeroPoints,
            OuterBounds = outer,
            LowerBound = lower,
            UpperBound = upper,
            DestinationType = destinationType,
        };
        if (runtime.WeightsScale != 0)
            epilogue._scale = epilogue.ScalesOf(runtime); // they lie there during this execution only
        epilogue.StoresAccumulator = accumulatorType == DataType.Int32 && destinationType == DataType.Int32
            && !hasBias && postOps.Count == 0 && factors.Multiplier == 1f && zeroPoint == 0 && zeroPoints is null
            && lower == int.MinValue && upper == LargestInt32
            && !epilogue.IsRuntime && !epilogue.Scale.AsSpan().ContainsAnyExcept(1f);
        return epilogue;
    }

    private float[] ScalesOf(RuntimeQuantization runtime)
    {
        var scale = new float[_channels];
        for (int c = 0; c < scale.Length; c++)
            scale[c] = _factors.ScaleOf(EpilogueFactors.WeightsScale(Attributes, runtime, c));
        return scale;
    }

    /// <summary>
    /// Plans the arithmetic for a primitive that computes real values itself (eltwise, binary, pooling, softmax, LRN): the
    /// accumulator is its f32 result, so only post-ops and the destination's quantization are left. Such a primitive
    /// multiplies by <c>Scale[0]</c> without adding a bias.
    /// </summary>
    public static Epilogue CreateForValues(
        PrimitiveAttributes attributes, DataType destinationType, RuntimeQuantization runtime = default) =>
        Create(attributes with { SourceScale = null, WeightsScale = null }, DataType.Float32, destinationType, 1, false,
            runtime with { SourceScale = null, WeightsScale = 0 });

    /// <summary>
    /// The bounds to which f32 values are clamped before they are rounded and the zero point is added; infinite for
    /// floating-point types. They are the outermost f32 for which the rounded value is an s32 both before and after the
    /// zero point is added and inside the type's range after it, so that a kernel adds in 32 bits without overflow. The
    /// upper bound of s32 without zero point is 2147483520, the largest f32 below 2³¹.
    /// </summary>
    public static (float Lower, float Upper) BoundsOf(DataType type, int zeroPoint)
    {
        if (type.IsFloatingPoint())
            return (float.NegativeInfinity, float.PositiveInfinity);
        (int min, int max) = type.IntegerRange();
        double lowest = Math.Max((double)min - zeroPoint, int.MinValue), highest = Math.Min((double)max - zeroPoint, int.MaxValue);
        float lower = (float)lowest, upper = (float)highest;
        return (lower < lowest ? MathF.BitIncrement(lower) : lower, upper > highest ? MathF.BitDecrement(upper) : upper);
    }

    /// <summary>
    /// Narrows the clamp by a post-op at the end of the chain: a rectifier or a clip, because rounding is monotone.
    /// </summary>
    /// <param name="postOp">The post-op, unscaled.</param>
    /// <param name="factor">What its parameters are multiplied by.</param>
    /// <param name="lower">The lower bound.</param>
    /// <param name="upper">The upper bound.</param>
    /// <returns>False if the post-op is another one, which does not become a bound.</returns>
    public static bool TryNarrow(PostOp postOp, double factor, ref float lower, ref float upper)
    {
        (float low, float high) bounds;
        if (postOp is EltwisePostOp { Algorithm: EltwiseAlgorithm.Relu, Alpha: 0 })
            bounds = (0, float.PositiveInfinity);
        else if (postOp is EltwisePostOp { Algorithm: EltwiseAlgorithm.Clip } clip && clip.Alpha <= clip.Beta)
            bounds = EpilogueFactors.NumbersOf(clip, factor);
        else
            return false;

        // clamp(clamp(x, b), [lower, upper]) as one clamp: the outer bounds also limit the inner ones.
        (lower, upper) = (Math.Clamp(bounds.low, lower, upper), Math.Clamp(bounds.high, lower, upper));
        return true;
    }

    private static (float Lower, float Upper) Intersect((float Lower, float Upper) a, (float Lower, float Upper) b) =>
        (Math.Max(a.Lower, b.Lower), Math.Min(a.Upper, b.Upper));

    private static PostOpChain ScaleParameters(PostOpChain postOps, double factor)
    {
        var scaled = new PostOp[postOps.Count];
        for (int i = 0; i < scaled.Length; i++)
        {
            (float first, float second) = EpilogueFactors.NumbersOf(postOps[i], factor);
            scaled[i] = postOps[i] switch
            {
                SumPostOp sum => sum with { Scale = first },
                EltwisePostOp eltwise => eltwise with { Alpha = first, Beta = second },
                var other => other,
            };
        }

        return PostOpChain.Create(scaled);
    }

    private static PostOpChain TakeBounds(PostOpChain postOps, ref float lower, ref float upper)
    {
        int count = postOps.Count;
        while (count > 0 && TryNarrow(postOps[count - 1], 1, ref lower, ref upper))
            count--;
        return count == postOps.Count ? postOps : PostOpChain.Create([.. postOps.Take(count)]);
    }
}
