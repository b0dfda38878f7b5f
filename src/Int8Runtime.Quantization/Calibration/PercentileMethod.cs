// The range that leaves out a share of the values on either side.
namespace Int8Runtime.Quantization;

/// <summary>From the (1 − p)-quantile to the p-quantile of all values.</summary>
/// <param name="fraction">p, above 0.5 and at most 1; 0.9999 leaves out one value of 10 000 on each side.</param>
public sealed class PercentileMethod(double fraction = 0.9999) : IRangeMethod
{
    /// <inheritdoc/>
    public ValueRange Choose(StreamingHistogram histogram, QuantizerTarget target)
    {
        ArgumentNullException.ThrowIfNull(histogram);
        ValueRange extremes = histogram.Extremes;
        float low = Clamp(Quantile(histogram, 1 - fraction), extremes), high = Clamp(Quantile(histogram, fraction), extremes);
        return new ValueRange(low, high);
    }

    /// <summary>The value below which a share of all values lies, interpolated linearly inside its bin.</summary>
    internal static double Quantile(StreamingHistogram histogram, double share)
    {
        double wanted = share * histogram.Total, below = 0;
        ReadOnlySpan<long> counts = histogram.Counts;
        for (int i = 0; i < counts.Length; i++)
        {
            if (counts[i] == 0)
                continue;
            if (below + counts[i] >= wanted)
                return histogram.LowerEdge(i) + (histogram.BinWidth * Math.Max(0, wanted - below) / counts[i]);
            below += counts[i];
        }

        return histogram.Extremes.Maximum;
    }

    private static float Clamp(double value, ValueRange extremes) => (float)Math.Clamp(value, extremes.Minimum, extremes.Maximum);
}
