// How fast the extremes of activations settle while samples are observed.
namespace Int8Runtime.Quantization;

/// <summary>What a part of the calibration samples, spread evenly over them, showed of the extremes.</summary>
/// <param name="Samples">Number of these samples.</param>
/// <param name="Median">Width of their extremes as a share of the width of all samples' extremes: the median over the activations.</param>
/// <param name="Least">The same for the activation that settles last.</param>
public sealed record RangeConvergence(int Samples, double Median, double Least);

/// <summary>An estimator that also remembers the extremes of every eighth, fourth and second sample.</summary>
/// <param name="estimator">Chooses the range.</param>
internal sealed class ConvergenceMeter(IRangeEstimator estimator) : IRangeEstimator
{
    // Every eighth sample; what makes it every fourth; what makes that every second; the rest.
    private readonly MinMaxEstimator[] _parts = [new(), new(), new(), new()];

    /// <inheritdoc/>
    public ValueRange Range => estimator.Range;

    /// <inheritdoc/>
    public long NonFiniteCount => estimator.NonFiniteCount;

    /// <summary>
    /// Widths of the extremes of every eighth, fourth, second and every sample, as shares of the last one; 1 where all values
    /// are equal.
    /// </summary>
    public double[] Shares()
    {
        var widths = new double[_parts.Length];
        ValueRange range = ValueRange.Empty;
        for (int i = 0; i < widths.Length; i++)
        {
            range = range.Union(_parts[i].Range);
            widths[i] = range.IsEmpty ? 0 : (double)range.Maximum - range.Minimum;
        }

        return widths[^1] > 0 ? Array.ConvertAll(widths, w => w / widths[^1]) : [1, 1, 1, 1];
    }

    /// <summary>What several activations showed together.</summary>
    /// <param name="shares"><see cref="Shares"/> of each.</param>
    /// <param name="samples">Number of samples.</param>
    public static IReadOnlyList<RangeConvergence> Summarize(IReadOnlyCollection<double[]> shares, int samples)
    {
        int[] counts = [(samples + 7) / 8, (samples + 3) / 4, (samples + 1) / 2, samples];
        return shares.Count == 0
            ? []
            : [.. counts.Select((count, i) => (Count: count, Sorted: shares.Select(s => s[i]).Order().ToArray()))
                .Select(e => new RangeConvergence(e.Count, e.Sorted[e.Sorted.Length / 2], e.Sorted[0]))];
    }

    /// <inheritdoc/>
    public void Observe(ReadOnlySpan<float> values) => Observe(values, 1);

    /// <inheritdoc/>
    public void Observe(ReadOnlySpan<float> values, int sample)
    {
        estimator.Observe(values, sample);
        _parts[sample % 8 == 0 ? 0 : sample % 4 == 0 ? 1 : sample % 2 == 0 ? 2 : 3].Observe(values);
    }

    /// <inheritdoc/>
    public void Merge(IRangeEstimator other)
    {
        if (other is not ConvergenceMeter meter)
            throw new ArgumentException($"A {nameof(ConvergenceMeter)} cannot take in a {other?.GetType().Name}.", nameof(other));
        estimator.Merge(meter.Inner);
        for (int i = 0; i < _parts.Length; i++)
            _parts[i].Merge(meter._parts[i]);
    }

    private IRangeEstimator Inner => estimator;
}
