// The range with the smallest squared error of rounding and clipping together.
namespace Int8Runtime.Quantization;

/// <summary>
/// Searches the interval whose quantizer reproduces the histogram with the smallest mean squared error: first both ends shrink
/// together, then each by itself.
/// </summary>
public sealed class MeanSquaredErrorMethod : IRangeMethod
{
    private const int Steps = 80;

    /// <inheritdoc/>
    public ValueRange Choose(StreamingHistogram histogram, QuantizerTarget target)
    {
        ArgumentNullException.ThrowIfNull(histogram);
        (double[] values, double[] weights) = Compact(histogram);
        ValueRange extremes = histogram.Extremes, best = extremes;
        double bestError = Error(values, weights, best, target);
        void Try(ValueRange candidate)
        {
            double error = Error(values, weights, candidate, target);
            if (error < bestError)
                (best, bestError) = (candidate, error);
        }

        for (int i = 1; i < Steps; i++)
            Try(Shrunk(extremes, 1 - ((float)i / Steps), 1 - ((float)i / Steps)));
        if (target.IsSymmetric)
            return best;
        ValueRange together = best;
        for (int i = 1; i < Steps; i++)
            Try(Shrunk(extremes, 1 - ((float)i / Steps), 1) with { Maximum = together.Maximum });
        ValueRange lowered = best;
        for (int i = 1; i < Steps; i++)
            Try(Shrunk(extremes, 1, 1 - ((float)i / Steps)) with { Minimum = lowered.Minimum });
        return best;
    }

    /// <summary>Mean squared difference between values and what a quantizer of the range makes of them.</summary>
    internal static double Error(ReadOnlySpan<double> values, ReadOnlySpan<double> weights, ValueRange range, QuantizerTarget target)
    {
        QuantizationParameters p = target.ParametersOf(range);
        IntegerFormat format = new(target.Bits, p.DataType == DataType.Int8, isRestricted: true);
        double scale = p.Scale, low = format.Minimum - p.ZeroPoint, high = format.Maximum - p.ZeroPoint, sum = 0;
        for (int i = 0; i < values.Length; i++)
        {
            double difference = values[i] - (scale * Math.Clamp(Math.Round(values[i] / scale), low, high));
            sum += weights[i] * difference * difference;
        }

        return sum;
    }

    private static ValueRange Shrunk(ValueRange range, float low, float high) =>
        new(Math.Min(0, range.Minimum) * low, Math.Max(0, range.Maximum) * high);

    // The bins that are not empty.
    private static (double[] Values, double[] Weights) Compact(StreamingHistogram histogram)
    {
        List<double> values = [], weights = [];
        ReadOnlySpan<long> counts = histogram.Counts;
        for (int i = 0; i < counts.Length; i++)
        {
            long count = counts[i] - (i == StreamingHistogram.BinsPerSide ? histogram.Zeros : 0);   // zeros are exact
            if (count == 0)
                continue;
            values.Add(histogram.Middle(i));
            weights.Add((double)count / histogram.Total);
        }

        return ([.. values], [.. weights]);
    }
}
