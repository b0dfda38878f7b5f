// Ranges from a statistic of each sample, aggregated over the samples.
using System.Numerics.Tensors;

namespace Int8Runtime.Quantization;

/// <summary>What is taken of each sample.</summary>
public enum SampleStatistic
{
    /// <summary>Smallest and largest value.</summary>
    MinMax,

    /// <summary>The largest magnitude, on both sides where negative values occur.</summary>
    AbsMax,

    /// <summary>The quantiles 1 − p and p.</summary>
    Quantile,

    /// <summary>The p-quantile of the magnitudes, on both sides where negative values occur.</summary>
    AbsQuantile,
}

/// <summary>
/// Takes a statistic of every sample and aggregates them, as the range estimators of OpenVINO's post-training optimization
/// do. At most 4096 samples are remembered, chosen uniformly. With <see cref="Aggregator.Max"/> and <see cref="SampleStatistic.MinMax"/> it
/// is <see cref="MinMaxEstimator"/>.
/// </summary>
/// <param name="statistic">What is taken of each sample.</param>
/// <param name="aggregator">How the samples' figures become one.</param>
/// <param name="fraction">p of the quantiles, above 0.5 and at most 1.</param>
public sealed class SampleStatisticEstimator(SampleStatistic statistic, Aggregator aggregator, double fraction = 0.9999) : IRangeEstimator
{
    private readonly (SampleStatistic, Aggregator, double) _kind = (statistic, aggregator, fraction);
    private readonly SampleReservoir _samples = new();
    private float[] _sorted = [];
    private int _unnumbered;

    /// <inheritdoc/>
    public ValueRange Range
    {
        get
        {
            ValueRange[] figures = _samples.InOrder();
            if (figures.Length == 0)
                return ValueRange.Empty;
            double low = Aggregation.Of([.. figures.Select(f => (double)f.Minimum)], aggregator, isUpper: false);
            double high = Aggregation.Of([.. figures.Select(f => (double)f.Maximum)], aggregator, isUpper: true);
            return new ValueRange((float)Math.Min(low, high), (float)Math.Max(low, high));
        }
    }

    /// <inheritdoc/>
    public long NonFiniteCount { get; private set; }

    /// <inheritdoc/>
    public void Observe(ReadOnlySpan<float> values) => Observe(values, _unnumbered++);

    /// <inheritdoc/>
    public void Observe(ReadOnlySpan<float> values, int sample)
    {
        if (statistic is SampleStatistic.MinMax or SampleStatistic.AbsMax && !values.IsEmpty)
        {
            var range = new ValueRange(TensorPrimitives.Min(values), TensorPrimitives.Max(values));
            if (float.IsFinite(range.Minimum) && float.IsFinite(range.Maximum))
            {
                _samples.Add(sample,
                    statistic == SampleStatistic.MinMax ? range : Mirrored(range, Math.Max(-range.Minimum, range.Maximum)));
                return;
            }
        }

        Span<float> finite = Finite(values);
        if (finite.IsEmpty)
            return;
        finite.Sort();
        ValueRange all = new(finite[0], finite[^1]);
        ValueRange figures = statistic switch
        {
            SampleStatistic.MinMax => all,
            SampleStatistic.AbsMax => Mirrored(all, Math.Max(-all.Minimum, all.Maximum)),
            SampleStatistic.Quantile => new ValueRange(Quantile(finite, 1 - fraction), Quantile(finite, fraction)),
            _ => Mirrored(all, QuantileOfMagnitudes(finite)),
        };
        _samples.Add(sample, figures);
    }

    /// <inheritdoc/>
    public void Merge(IRangeEstimator other)
    {
        if (other is not SampleStatisticEstimator estimator || estimator._kind != _kind)
            throw new ArgumentException(
                $"A {nameof(SampleStatisticEstimator)} of {_kind} cannot take in a {other?.GetType().Name}.", nameof(other));
        _samples.Merge(estimator._samples);
        NonFiniteCount += estimator.NonFiniteCount;
    }

    private static ValueRange Mirrored(ValueRange seen, float magnitude) => new(seen.Minimum < 0 ? -magnitude : 0, magnitude);

    private Span<float> Finite(ReadOnlySpan<float> values)
    {
        if (_sorted.Length < values.Length)
            _sorted = new float[values.Length];
        int count = 0;
        foreach (float value in values)
        {
            if (float.IsFinite(value))
                _sorted[count++] = value;
        }

        NonFiniteCount += values.Length - count;
        return _sorted.AsSpan(0, count);
    }

    private static float Quantile(ReadOnlySpan<float> sorted, double share)
    {
        double position = share * (sorted.Length - 1);
        int below = (int)position;
        float above = sorted[Math.Min(below + 1, sorted.Length - 1)];
        return (float)(sorted[below] + ((position - below) * ((double)above - sorted[below])));
    }

    private float QuantileOfMagnitudes(Span<float> values)
    {
        TensorPrimitives.Abs(values, values);
        values.Sort();
        return Quantile(values, fraction);
    }
}
