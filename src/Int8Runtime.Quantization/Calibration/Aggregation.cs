// From figures of many samples to one figure.
namespace Int8Runtime.Quantization;

/// <summary>How figures of single samples become one figure.</summary>
public enum Aggregator
{
    /// <summary>The smallest lower and largest upper end: nothing that was seen is clipped.</summary>
    Max,

    /// <summary>The largest lower and smallest upper end: what every sample reaches.</summary>
    Min,

    /// <summary>The mean.</summary>
    Mean,

    /// <summary>The median.</summary>
    Median,

    /// <summary>The mean without the lowest and highest hundredth.</summary>
    MeanNoOutliers,

    /// <summary>The median without the lowest and highest hundredth.</summary>
    MedianNoOutliers,

    /// <summary>The median of the means of all pairs (Hodges and Lehmann, 1963), of 512 samples at most.</summary>
    HodgesLehmann,

    /// <summary>
    /// The exponential moving average in the order of the samples, as quantization-aware training keeps it; a new sample counts
    /// 0.1.
    /// </summary>
    MovingAverage,
}

/// <summary>The arithmetic of <see cref="Aggregator"/>.</summary>
internal static class Aggregation
{
    private const double OutlierShare = 0.01;
    private const double MovingShare = 0.1;
    private const int PairedSamples = 512;

    /// <summary>
    /// Aggregates figures; for <see cref="Aggregator.Max"/> and <see cref="Aggregator.Min"/> the caller says which end is meant.
    /// </summary>
    public static double Of(IReadOnlyList<double> figures, Aggregator aggregator, bool isUpper) => aggregator switch
    {
        Aggregator.Max => isUpper ? figures.Max() : figures.Min(),
        Aggregator.Min => isUpper ? figures.Min() : figures.Max(),
        Aggregator.Mean => figures.Average(),
        Aggregator.Median => Median([.. figures]),
        Aggregator.MeanNoOutliers => WithoutOutliers(figures).Average(),
        Aggregator.MedianNoOutliers => Median(WithoutOutliers(figures)),
        Aggregator.HodgesLehmann => HodgesLehmann(figures),
        Aggregator.MovingAverage => figures.Skip(1).Aggregate(figures[0], (mean, next) => mean + (MovingShare * (next - mean))),
        _ => throw new ArgumentOutOfRangeException(nameof(aggregator), aggregator, "There is no such aggregator."),
    };

    /// <summary>A quantile of sorted figures, interpolated linearly.</summary>
    public static double Quantile(double[] sorted, double share)
    {
        double position = share * (sorted.Length - 1);
        int below = (int)position;
        double above = sorted[Math.Min(below + 1, sorted.Length - 1)];
        return sorted[below] + ((position - below) * (above - sorted[below]));
    }

    private static double Median(double[] figures)
    {
        Array.Sort(figures);
        return Quantile(figures, 0.5);
    }

    private static double[] WithoutOutliers(IReadOnlyList<double> figures)
    {
        double[] sorted = [.. figures.Order()];
        double low = Quantile(sorted, OutlierShare), high = Quantile(sorted, 1 - OutlierShare);
        double[] kept = [.. sorted.Where(f => f >= low && f <= high)];
        return kept.Length > 0 ? kept : sorted;
    }

    private static double HodgesLehmann(IReadOnlyList<double> figures)
    {
        int stride = (figures.Count + PairedSamples - 1) / PairedSamples;
        double[] chosen = [.. figures.Where((_, i) => i % stride == 0)];
        var means = new double[chosen.Length * (chosen.Length + 1) / 2];
        int count = 0;
        for (int i = 0; i < chosen.Length; i++)
            for (int j = i; j < chosen.Length; j++)
                means[count++] = (chosen[i] + chosen[j]) / 2;
        return Median(means);
    }
}
