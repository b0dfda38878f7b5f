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
/// that follows it is bit-exact.
/// </remarks>
internal sealed class Epilogue
{
    private const float LargestInt32 = 2147483520f;

    private Epilogue()
    {
    }

    /// <summary>Factor of the accumulator for each channel.</summary>
    public required float[] Scale { get; init; }

    /// <summary>Factor by which the caller's bias is multiplied before it is added (1 unless folded).</summary>
    public required float BiasMultiplier { get; init; }

    /// <summary>Post-ops with folded parameters.</summary>
    public required PostOpChain PostOps { get; init; }

    /// <summary>Factor applied after the post-ops; 1 where it is folded or not needed.</summary>
    public required float OutputMultiplier { get; init; }

    /// <summary>Integer added after rounding.</summary>
    public required int OutputZeroPoint { get; init; }

    /// <summary>Lower clamp bound, before the zero point is added; −∞ where nothing is clamped.</summary>
    public required float LowerBound { get; init; }

    /// <summary>Upper clamp bound, before the zero point is added; +∞ where nothing is clamped.</summary>
    public required float UpperBound { get; init; }

    /// <summary>Type of the stored value.</summary>
    public required DataType DestinationType { get; init; }

    /// <summary>True if the 32-bit accumulator itself is the result: nothing to scale, add or clamp.</summary>
    public required bool StoresAccumulator { get; init; }

    /// <summary>True if values are clamped before the store.</summary>
    public bool Clamps => LowerBound > float.NegativeInfinity || UpperBound < float.PositiveInfinity;

    /// <summary>Plans the arithmetic for a primitive with weights.</summary>
    /// <param name="attributes">Scales, zero points and post-ops; run-time values are taken from the last arguments.</param>
    /// <param name="accumulatorType">s32 for integer products, f32 otherwise.</param>
    /// <param name="destinationType">Type of the destination.</param>
    /// <param name="channels">Number of output channels.</param>
    /// <param name="hasBias">Whether a bias will be added.</param>
    /// <param name="runtime">Values of scales and zero points that are given at execution.</param>
    public static Epilogue Create(
        PrimitiveAttributes attributes, DataType accumulatorType, DataType destinationType, int channels, bool hasBias,
        RuntimeQuantization runtime = default)
    {
        double source = runtime.SourceScale ?? ScalarOf(attributes.SourceScale);
        double destination = runtime.DestinationScale ?? ScalarOf(attributes.DestinationScale);
        int zeroPoint = runtime.DestinationZeroPoint ?? attributes.DestinationZeroPoint?.At(0) ?? 0;
        bool folds = IsHomogeneous(attributes.PostOps);
        double inverse = 1.0 / destination;
        double factor = source * (folds ? inverse : 1.0);
        var scale = new float[channels];
        bool identity = true;
        for (int c = 0; c < channels; c++)
        {
            scale[c] = (float)(factor * (attributes.WeightsScale?.At(c) ?? 1f));
            identity &= scale[c] == 1f;
        }

        PostOpChain postOps = folds && inverse != 1.0 ? ScaleParameters(attributes.PostOps, inverse) : attributes.PostOps;
        float multiplier = folds ? 1f : (float)inverse;
        (float lower, float upper) = BoundsOf(destinationType, zeroPoint);
        if (multiplier == 1f)
            postOps = TakeBounds(postOps, ref lower, ref upper);
        bool storesAccumulator = accumulatorType == DataType.Int32 && destinationType == DataType.Int32
            && identity && !hasBias && postOps.Count == 0 && multiplier == 1f && zeroPoint == 0
            && lower == int.MinValue && upper == LargestInt32;
        return new Epilogue
        {
            Scale = scale,
            BiasMultiplier = folds ? (float)inverse : 1f,
            PostOps = postOps,
            OutputMultiplier = multiplier,
            OutputZeroPoint = zeroPoint,
            LowerBound = lower,
            UpperBound = upper,
            DestinationType = destinationType,
            StoresAccumulator = storesAccumulator,
        };
    }

    /// <summary>
    /// Plans the arithmetic for a primitive that computes real values itself (eltwise, binary, pooling, softmax, LRN): the
    /// accumulator is its f32 result, so only post-ops and the destination's quantization are left. Such a primitive
    /// multiplies by <c>Scale[0]</c> without adding a bias.
    /// </summary>
    public static Epilogue CreateForValues(
        PrimitiveAttributes attributes, DataType destinationType, RuntimeQuantization runtime = default) =>
        Create(attributes with { SourceScale = null, WeightsScale = null }, DataType.Float32, destinationType, 1, false,
            runtime with { SourceScale = null });

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

    // A single scale; attributes given at execution count as 1 until they are known.
    private static double ScalarOf(QuantizationScale? scale) => scale is null || scale.IsRuntime ? 1.0 : scale.At(0);

    private static bool IsHomogeneous(PostOpChain postOps)
    {
        foreach (PostOp postOp in postOps)
        {
            bool homogeneous = postOp is SumPostOp
                or EltwisePostOp { Algorithm: EltwiseAlgorithm.Relu or EltwiseAlgorithm.Clip or EltwiseAlgorithm.Linear
                    or EltwiseAlgorithm.Abs };
            if (!homogeneous)
                return false;
        }

        return true;
    }

    private static PostOpChain ScaleParameters(PostOpChain postOps, double factor)
    {
        var scaled = new PostOp[postOps.Count];
        for (int i = 0; i < scaled.Length; i++)
        {
            scaled[i] = postOps[i] switch
            {
                SumPostOp sum => sum with { Scale = (float)(sum.Scale * factor) },
                EltwisePostOp { Algorithm: EltwiseAlgorithm.Clip } clip => clip with
                {
                    Alpha = (float)(clip.Alpha * factor), Beta = (float)(clip.Beta * factor),
                },
                EltwisePostOp { Algorithm: EltwiseAlgorithm.Linear } linear => linear with
                {
                    Beta = (float)(linear.Beta * factor),
                },
                var other => other,
            };
        }

        return PostOpChain.Create(scaled);
    }

    // Rectifiers and clips at the end of the chain only narrow the clamp, because rounding is monotone.
    private static PostOpChain TakeBounds(PostOpChain postOps, ref float lower, ref float upper)
    {
        int count = postOps.Count;
        while (count > 0)
        {
            (float low, float high) bounds;
            if (postOps[count - 1] is EltwisePostOp { Algorithm: EltwiseAlgorithm.Relu, Alpha: 0 })
                bounds = (0, float.PositiveInfinity);
            else if (postOps[count - 1] is EltwisePostOp { Algorithm: EltwiseAlgorithm.Clip } clip && clip.Alpha <= clip.Beta)
                bounds = (clip.Alpha, clip.Beta);
            else
                break;

            // clamp(clamp(x, b), [lower, upper]) as one clamp: the outer bounds also limit the inner ones.
            (lower, upper) = (Math.Clamp(bounds.low, lower, upper), Math.Clamp(bounds.high, lower, upper));
            count--;
        }

        return count == postOps.Count ? postOps : PostOpChain.Create([.. postOps.Take(count)]);
    }
}

/// <summary>Scales and zero points that are arguments of an execution; null where the attribute is a constant.</summary>
internal readonly record struct RuntimeQuantization(float? SourceScale, float? DestinationScale, int? DestinationZeroPoint);
