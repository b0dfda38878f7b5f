// The numbers of an epilogue: products of scales, formed in f64 and rounded once, from constants and values of an execution.
namespace Int8Runtime;

/// <summary>Scales and zero points that are arguments of an execution; null where the attribute is a constant.</summary>
/// <param name="SourceScale">The source's scale.</param>
/// <param name="DestinationScale">The destination's scale.</param>
/// <param name="DestinationZeroPoint">The destination's zero point.</param>
/// <param name="WeightsScale">Address of the f32 weights scales; 0 where they are constants.</param>
internal readonly unsafe record struct RuntimeQuantization(
    float? SourceScale, float? DestinationScale, int? DestinationZeroPoint, nint WeightsScale = 0)
{
    /// <summary>The values of an execution.</summary>
    public static RuntimeQuantization Read(PrimitiveAttributes attributes, in ExecutionArguments arguments) => new(
        attributes.SourceScale is { IsRuntime: true } ? *(float*)arguments[ArgumentSlot.SourceScale] : null,
        attributes.DestinationScale is { IsRuntime: true } ? *(float*)arguments[ArgumentSlot.DestinationScale] : null,
        attributes.DestinationZeroPoint is { IsRuntime: true } ? *(int*)arguments[ArgumentSlot.DestinationZeroPoint] : null,
        attributes.WeightsScale is { IsRuntime: true } ? (nint)arguments[ArgumentSlot.WeightsScale] : 0);
}

/// <summary>How the scales enter an <see cref="Epilogue"/>.</summary>
/// <param name="Accumulator">Factor of the accumulator but for the weights' scale.</param>
/// <param name="Inverse">Reciprocal of the destination's scale.</param>
/// <param name="IsFolded">Whether that reciprocal is part of the accumulator's factor instead of a step of its own.</param>
/// <param name="ZeroPoint">The destination's zero point.</param>
internal readonly record struct EpilogueFactors(double Accumulator, double Inverse, bool IsFolded, int ZeroPoint)
{
    /// <summary>Factor behind the post-ops.</summary>
    public float Multiplier => IsFolded ? 1f : (float)Inverse;

    /// <summary>Factor of the bias.</summary>
    public float BiasMultiplier => IsFolded ? (float)Inverse : 1f;

    /// <summary>Factor of the parameters of post-ops.</summary>
    public double PostOpFactor => IsFolded ? Inverse : 1.0;

    /// <summary>Factor of the accumulator of a channel.</summary>
    public float ScaleOf(float weightsScale) => (float)(Accumulator * weightsScale);

    /// <summary>Whether every post-op is positively homogeneous once its parameters are scaled.</summary>
    public static bool Folds(PostOpChain postOps)
    {
        for (int i = 0; i < postOps.Count; i++)
        {
            bool homogeneous = postOps[i] is SumPostOp or PReluPostOp
                or EltwisePostOp { Algorithm: EltwiseAlgorithm.Relu or EltwiseAlgorithm.Clip or EltwiseAlgorithm.Linear
                    or EltwiseAlgorithm.Abs };
            if (!homogeneous)
                return false;
        }

        return true;
    }

    /// <summary>The factors of attributes; values given at execution count as 1 and 0 until they are known.</summary>
    public static EpilogueFactors Of(PrimitiveAttributes attributes, RuntimeQuantization runtime)
    {
        double source = runtime.SourceScale ?? ScalarOf(attributes.SourceScale);
        double inverse = 1.0 / (runtime.DestinationScale ?? ScalarOf(attributes.DestinationScale));
        bool folds = Folds(attributes.PostOps);
        int zeroPoint = runtime.DestinationZeroPoint
            ?? (attributes.DestinationZeroPoint is null or { IsRuntime: true } ? 0 : attributes.DestinationZeroPoint.At(0));
        return new EpilogueFactors(source * (folds ? inverse : 1.0), inverse, folds, zeroPoint);
    }

    /// <summary>The weights' scale of a channel.</summary>
    public static unsafe float WeightsScale(PrimitiveAttributes attributes, RuntimeQuantization runtime, int channel)
    {
        if (attributes.WeightsScale is not { Granularity: not QuantizationGranularity.PerGroup } scale)
            return 1f;
        if (!scale.IsRuntime)
            return scale.At(channel);
        return runtime.WeightsScale == 0 ? 1f
            : ((float*)runtime.WeightsScale)[scale.Granularity == QuantizationGranularity.PerChannel ? channel : 0];
    }

    /// <summary>
    /// The parameters of a post-op whose input and output are multiplied by <paramref name="factor"/>: scale and zero point of a
    /// sum, α and β of a function.
    /// </summary>
    public static (float First, float Second) NumbersOf(PostOp postOp, double factor) => postOp switch
    {
        SumPostOp sum => ((float)(sum.Scale * factor), sum.ZeroPoint),
        EltwisePostOp { Algorithm: EltwiseAlgorithm.Clip } clip => ((float)(clip.Alpha * factor), (float)(clip.Beta * factor)),
        EltwisePostOp { Algorithm: EltwiseAlgorithm.Linear } linear => (linear.Alpha, (float)(linear.Beta * factor)),
        EltwisePostOp eltwise => (eltwise.Alpha, eltwise.Beta),
        _ => (0, 0),
    };

    // A single scale; attributes given at execution count as 1 until they are known. Groups are part of the products.
    private static double ScalarOf(QuantizationScale? scale) =>
        scale is null or { IsRuntime: true } or { GroupSize: > 0 } ? 1.0 : scale.At(0);
}
