// The estimators by name, as command lines and configuration files give them.
using System.Globalization;

namespace Int8Runtime.Quantization;

/// <summary>A kind of range estimator, which makes an estimator for each tensor.</summary>
public sealed class RangeEstimation
{
    private static readonly Dictionary<string, Aggregator> Aggregators = new(StringComparer.Ordinal)
    {
        ["max"] = Aggregator.Max,
        ["min"] = Aggregator.Min,
        ["mean"] = Aggregator.Mean,
        ["median"] = Aggregator.Median,
        ["mean_no_outliers"] = Aggregator.MeanNoOutliers,
        ["median_no_outliers"] = Aggregator.MedianNoOutliers,
        ["hodges_lehmann"] = Aggregator.HodgesLehmann,
        ["moving"] = Aggregator.MovingAverage,
    };

    private static readonly Dictionary<string, SampleStatistic> Statistics = new(StringComparer.Ordinal)
    {
        ["minmax"] = SampleStatistic.MinMax,
        ["abs_max"] = SampleStatistic.AbsMax,
        ["quantile"] = SampleStatistic.Quantile,
        ["abs_quantile"] = SampleStatistic.AbsQuantile,
    };

    private readonly Func<QuantizerTarget, IRangeEstimator> _create;

    /// <summary>Creates a kind.</summary>
    /// <param name="name">Its name in reports.</param>
    /// <param name="create">Makes the estimator of one tensor.</param>
    public RangeEstimation(string name, Func<QuantizerTarget, IRangeEstimator> create)
    {
        Name = name;
        _create = create;
    }

    /// <summary>Covers every value seen.</summary>
    public static RangeEstimation MinMax { get; } = new("minmax", _ => new MinMaxEstimator());

    /// <summary>The forms that <see cref="Parse"/> knows, for messages.</summary>
    public static string Forms =>
        "minmax, mean, moving, percentile, percentile:P, kl, mse, aciq-laplace, aciq-gauss, or STATISTIC[:P]/AGGREGATOR with "
            + "the statistics "
        + $"{string.Join(", ", Statistics.Keys)} and the aggregators {string.Join(", ", Aggregators.Keys)}";

    /// <summary>The name in reports.</summary>
    public string Name { get; }

    /// <summary>Makes the estimator of one tensor.</summary>
    public IRangeEstimator Create(QuantizerTarget target) => _create(target);

    /// <summary>The kind with a name.</summary>
    /// <exception cref="QuantizationException">There is none; the message lists them.</exception>
    public static RangeEstimation Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        switch (name)
        {
            case "minmax":
                return MinMax;
            case "mean" or "moving":
                return new(name, _ => new SampleStatisticEstimator(SampleStatistic.MinMax, Aggregators[name]));
            case "kl":
                return OfHistogram(name, new KlDivergenceMethod());
            case "mse":
                return OfHistogram(name, new MeanSquaredErrorMethod());
            case "aciq-laplace":
                return OfHistogram(name, new AciqMethod(AciqDistribution.Laplace));
            case "aciq-gauss":
                return OfHistogram(name, new AciqMethod(AciqDistribution.Gauss));
        }

        string[] parts = name.Split('/');
        string[] statistic = parts[0].Split(':');
        double fraction = statistic.Length == 2 ? ParseFraction(name, statistic[1]) : 0.9999;
        if (parts.Length == 1 && statistic is ["percentile"] or ["percentile", _])
            return OfHistogram(name, new PercentileMethod(fraction));
        if (parts.Length == 2 && statistic.Length <= 2 && Statistics.TryGetValue(statistic[0], out SampleStatistic kind)
            && Aggregators.TryGetValue(parts[1], out Aggregator aggregator))
            return new(name, _ => new SampleStatisticEstimator(kind, aggregator, fraction));
        throw new QuantizationException($"there is no range estimator '{name}'; use {Forms}");
    }

    private static RangeEstimation OfHistogram(string name, IRangeMethod method) =>
        new(name, target => new HistogramEstimator(method, target));

    // 0.9999 or 99.99.
    private static double ParseFraction(string name, string text)
    {
        bool parsed = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double p);
        double fraction = p > 1 ? p / 100 : p;
        return parsed && fraction is > 0.5 and <= 1
            ? fraction
            : throw new QuantizationException(
                $"'{text}' in the range estimator '{name}' is no percentile; use a number above 50 and up to 100, or above 0.5 "
                + "and up to 1");
    }
}
