// Compares an output with what was expected.
using Int8Runtime.Graph;

namespace Int8Runtime.Cli;

/// <summary>What a comparison allows for one output.</summary>
/// <param name="RangeShare">Difference as a share of the expected output's range.</param>
/// <param name="Absolute">Difference that is allowed in any case.</param>
internal readonly record struct OutputLimit(double RangeShare, double Absolute);

/// <summary>What comparisons allow.</summary>
/// <param name="RangeShare">Float outputs: difference as a share of the output's range.</param>
/// <param name="Steps">Outputs of quantized models: difference in steps of the last quantizer.</param>
internal sealed record ComparisonLimits(double RangeShare, double Steps)
{
    /// <summary>
    /// The limit of an output. Where a quantizer leads to it, integer kernels may round differently from the simulated
    /// quantization of the expectation, so some steps are allowed; a softmax halves a difference of its operand at least. Behind
    /// a product the steps are those that an 8-bit output of its range would have.
    /// </summary>
    public OutputLimit For(GraphValue output)
    {
        double factor = 1;
        bool isBehindProduct = false;
        for (GraphValue? value = output; value?.Producer is { } node; value = node.OptionalInput(0))
        {
            if (node.OpType is "QuantizeLinear" or "DequantizeLinear")
            {
                // A single quantizer is exact; only what follows other computations accumulates rounding differences.
                bool isCalculated = node.OpType == "DequantizeLinear" && node.Input(0).Producer?.Input(0).Producer is not null;
                if (isCalculated && isBehindProduct)
                    return new OutputLimit(RangeShare + (factor * Steps / 255), 0);
                double scale = node.ConstantInput(1) is { ElementType: DataType.Float32, ElementCount: 1 } constant
                    ? constant.AsSpan<float>()[0] : 0;
                return new OutputLimit(RangeShare, isCalculated ? factor * scale * Steps : 0);
            }

            if (node.OpType == "FakeQuantize" && FakeQuantizeView.OfRanges(node) is { } view)
            {
                return isBehindProduct
                    ? new OutputLimit(RangeShare + (factor * Steps / 255), 0)
                    : new OutputLimit(RangeShare, factor * view.OutputStep.Max(Math.Abs) * Steps);
            }

            if (node.OpType == "Softmax")
                factor *= 0.5;
            isBehindProduct |= node.OpType is "Conv" or "ConvTranspose" or "Gemm" or "MatMul";
        }

        return new OutputLimit(RangeShare, 1e-7);
    }
}

/// <summary>The result of a comparison.</summary>
/// <param name="Passed">Whether the difference is allowed.</param>
/// <param name="Share">The largest difference as a share of the expected range; 0 for integers that are equal.</param>
/// <param name="Detail">The largest difference, or what is not allowed.</param>
internal readonly record struct Comparison(bool Passed, double Share, string Detail);

/// <summary>Compares tensors.</summary>
internal static class TensorComparison
{
    /// <summary>Integers and booleans must be equal; floats may differ within the limit; NaN equals NaN.</summary>
    public static Comparison Compare(TensorData actual, TensorData expected, OutputLimit limit)
    {
        if (actual.ElementType != expected.ElementType)
            return Failed($"is {actual.ElementType}, expected {expected.ElementType}");
        if (!actual.Shape.Equals(expected.Shape))
            return Failed($"has shape {actual.Shape}, expected {expected.Shape}");
        if (!actual.ElementType.IsFloatingPoint())
        {
            int different = actual.Bytes.Span.CommonPrefixLength(expected.Bytes.Span);
            return different == expected.Bytes.Length
                ? new Comparison(true, 0, "equal")
                : Failed($"differs at element {different / actual.ElementType.SizeInBytes()}");
        }

        double[] a = Values(actual), e = Values(expected);
        double[] finite = [.. e.Where(double.IsFinite)];
        double range = finite.Length == 0
            ? 0 : Math.Max(finite.Max() - finite.Min(), Math.Max(Math.Abs(finite.Max()), Math.Abs(finite.Min())));
        double worst = 0;
        for (int i = 0; i < e.Length; i++)
        {
            if (double.IsNaN(e[i]) && double.IsNaN(a[i]) || a[i].Equals(e[i]))
                continue;
            double difference = Math.Abs(a[i] - e[i]);
            if (!(difference <= (limit.RangeShare * range) + limit.Absolute))
            {
                double allowed = (limit.RangeShare * range) + limit.Absolute;
                return Failed(Figures.Invariant(
                    $"element {i} is {a[i]:G7}, expected {e[i]:G7} (range {range:G4}, allowed {allowed:G3})"));
            }

            worst = Math.Max(worst, difference);
        }

        double share = range > 0 ? worst / range : 0;
        return new Comparison(true, share, Figures.Invariant($"largest difference {worst:G3} ({share:G3} of the range)"));
    }

    private static Comparison Failed(string detail) => new(false, double.PositiveInfinity, detail);

    private static double[] Values(TensorData tensor) => tensor.ElementType switch
    {
        DataType.Float32 => Array.ConvertAll(tensor.AsSpan<float>().ToArray(), v => (double)v),
        DataType.Float64 => tensor.AsSpan<double>().ToArray(),
        DataType.Float16 => Array.ConvertAll(tensor.AsSpan<Half>().ToArray(), v => (double)v),
        _ => Array.ConvertAll(tensor.AsSpan<ushort>().ToArray(), v => (double)BitConverter.UInt32BitsToSingle((uint)v << 16)),
    };
}
