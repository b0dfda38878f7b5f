// Ranges chosen from the distribution of all values seen.
namespace Int8Runtime.Quantization;

/// <summary>What a range is chosen for.</summary>
/// <param name="Bits">Bits of the integers.</param>
/// <param name="IsSymmetric">Whether the zero point has to be 0.</param>
public readonly record struct QuantizerTarget(int Bits, bool IsSymmetric)
{
    /// <summary>The quantizer of a range.</summary>
    public QuantizationParameters ParametersOf(ValueRange range) =>
        IsSymmetric ? QuantizationParameters.Symmetric(range, Bits) : QuantizationParameters.Asymmetric(range, Bits);
}

/// <summary>Chooses the interval to cover from a histogram.</summary>
public interface IRangeMethod
{
    /// <summary>The interval; within the extremes of the histogram, which has seen at least one value.</summary>
    ValueRange Choose(StreamingHistogram histogram, QuantizerTarget target);
}

/// <summary>Counts values in a <see cref="StreamingHistogram"/> and leaves the choice of the range to a method.</summary>
public sealed class HistogramEstimator(IRangeMethod method, QuantizerTarget target) : IRangeEstimator
{
    private readonly IRangeMethod _method = method;

    /// <summary>What was seen.</summary>
    public StreamingHistogram Histogram { get; } = new();

    /// <inheritdoc/>
    public ValueRange Range => Histogram.Total == 0 ? ValueRange.Empty : _method.Choose(Histogram, target);

    /// <inheritdoc/>
    public long NonFiniteCount => Histogram.NonFiniteCount;

    /// <inheritdoc/>
    public void Observe(ReadOnlySpan<float> values) => Histogram.Add(values);

    /// <inheritdoc/>
    public void Merge(IRangeEstimator other)
    {
        if (other is not HistogramEstimator estimator || estimator._method.GetType() != _method.GetType())
            throw new ArgumentException(
                $"A {nameof(HistogramEstimator)} with {_method.GetType().Name} cannot take in a {other?.GetType().Name}.",
                nameof(other));
        Histogram.Merge(estimator.Histogram);
    }
}
