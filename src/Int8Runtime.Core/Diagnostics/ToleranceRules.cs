// How far a generated kernel may be from the reference, by kind of problem; docs/numerics.md states the same figures.
namespace Int8Runtime.Diagnostics;

/// <summary>Derives the bound of a problem from its types, its post-ops and the length of its sums.</summary>
internal static class ToleranceRules
{
    // Two factors of magnitude 1 at most, each rounded to the 8 bits of bf16.
    private const double RoundingOfProduct = 1.0 / 256;

    // Of dequantized 8-bit operands with scales of about 1; sums of float operands are bounded for values in [−1, 1].
    private const double MagnitudeOfIntegers = 128;

    /// <summary>The accepted difference for a problem.</summary>
    public static Tolerance For(PrimitiveDescriptor descriptor, PrimitiveAttributes attributes)
    {
        DataType destination = PrimitiveTensors.Destination(descriptor).DataType;
        bool transcendental = attributes.PostOps.Any(p => p is EltwisePostOp e && IsTranscendental(e.Algorithm));
        Tolerance exactOrStep = transcendental ? Loose(destination, 1e-5, 1e-6) : Tolerance.Exact;
        return descriptor switch
        {
            ReorderDescriptor or ConcatDescriptor or ShuffleDescriptor => Tolerance.Exact,
            ConvolutionDescriptor d when FusedDepthwise.Of(d, attributes) is { } fused => Fused(fused),
            ConvolutionDescriptorBase d => Product(d.Source.DataType, d.Weights.ElementCount / d.Weights.Dimensions[0]),
            InnerProductDescriptor d => Product(d.Source.DataType, d.Weights.ElementCount / d.Weights.Dimensions[0]),
            MatMulDescriptor d => Product(d.Source.DataType, d.K),
            PoolingDescriptor { Algorithm: not PoolingAlgorithm.Max } d when d.Source.DataType.IsFloatingPoint() =>
                Loose(destination, 1e-6, 1e-6),
            EltwiseDescriptor d when IsTranscendental(d.Algorithm) => Loose(destination, 2e-6, 1e-6),
            SoftmaxDescriptor or LrnDescriptor => Loose(destination, 2e-6, 1e-6),
            ReductionDescriptor d when !d.IsExact && d.Algorithm is not (ReductionAlgorithm.Max or ReductionAlgorithm.Min) =>
                Sum(d.SetSize),
            NormalizationDescriptor => Loose(destination, 1e-4, 1e-4),
            _ => exactOrStep,
        };

        Tolerance Product(DataType source, long terms)
        {
            bool dequantizes = ProductQuantization.Dequantizes(attributes, source);
            if (!source.IsFloatingPoint() && !dequantizes)
                return exactOrStep;
            Tolerance sum = Sum(terms * 4);
            if (dequantizes)
                sum = sum with { Absolute = sum.Absolute * MagnitudeOfIntegers * MagnitudeOfIntegers };
            double rounding = attributes.FloatMath == FloatMath.BFloat16 ? RoundingOfProduct * terms : 0;
            return sum with { Absolute = sum.Absolute + rounding };
        }

        // A value between the convolutions may be rounded to the other side, or go through a function that kernels approximate. That is
        // rare, so one step of its type is allowed for two taps of a window, at the typical magnitude √K of sums of K products.
        Tolerance Fused(FusedDepthwise fused)
        {
            Tolerance first = For(fused.Pointwise, fused.PointwiseAttributes), second = For(fused.Depthwise, fused.DepthwiseAttributes);
            if (first == Tolerance.Exact)
                return second;
            double magnitude = Math.Sqrt(fused.Pointwise.Weights.Dimensions[1]);
            double step = fused.Intermediate.DataType switch
            {
                DataType.BFloat16 => magnitude / 128,
                DataType.Float16 => magnitude / 1024,
                DataType.Float32 => first.Absolute + (first.Relative * magnitude),
                _ => 127 * EpilogueFactors.Of(fused.DepthwiseAttributes, default).ScaleOf(1),
            };
            return Loose(destination, second.Relative, second.Absolute + (2 * step));
        }

        Tolerance Sum(long terms)
        {
            Tolerance sum = Tolerance.ForFloatSum(terms);
            return Loose(destination, sum.Relative, sum.Absolute);
        }
    }

    /// <summary>True for functions that kernels approximate.</summary>
    public static bool IsTranscendental(EltwiseAlgorithm algorithm) => algorithm is not (EltwiseAlgorithm.Relu
        or EltwiseAlgorithm.Square or EltwiseAlgorithm.Abs or EltwiseAlgorithm.Linear or EltwiseAlgorithm.HardSigmoid
        or EltwiseAlgorithm.Clip or EltwiseAlgorithm.Round or EltwiseAlgorithm.HardSwish or EltwiseAlgorithm.Floor
        or EltwiseAlgorithm.Ceil or EltwiseAlgorithm.Sign or EltwiseAlgorithm.Sqrt);

    // One step of a destination that rounds, 16 units of f32.
    private static Tolerance Loose(DataType destination, double relative, double absolute) =>
        new(destination == DataType.Float32 ? 16 : 1, relative, absolute);
}
