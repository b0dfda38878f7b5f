// The range from the smallest to the largest value seen.
using System.Numerics.Tensors;

namespace Int8Runtime.Quantization;

/// <summary>Covers every value that was seen: nothing is clipped, at the cost of resolution when there are outliers.</summary>
public sealed class MinMaxEstimator : IRangeEstimator
{
    /// <inheritdoc/>
    public ValueRange Range { get; private set; } = ValueRange.Empty;

    /// <inheritdoc/>
    public long NonFiniteCount { get; private set; }

    /// <inheritdoc/>
    public void Observe(ReadOnlySpan<float> values)
    {
        if (values.IsEmpty)
            return;
        var seen = new ValueRange(TensorPrimitives.Min(values), TensorPrimitives.Max(values));
        if (!float.IsFinite(seen.Minimum) || !float.IsFinite(seen.Maximum))
            seen = ObserveFinite(values);
        Range = Range.Union(seen);
    }

    /// <inheritdoc/>
    public void Merge(IRangeEstimator other)
    {
        if (other is not MinMaxEstimator estimator)
            throw new ArgumentException($"A {nameof(MinMaxEstimator)} cannot take in a {other?.GetType().Name}.", nameof(other));
        Range = Range.Union(estimator.Range);
        NonFiniteCount += estimator.NonFiniteCount;
    }

    private ValueRange ObserveFinite(ReadOnlySpan<float> values)
    {
        ValueRange range = ValueRange.Empty;
        foreach (float value in values)
        {
            if (float.IsFinite(value))
                range = range.Union(new ValueRange(value, value));
            else
                NonFiniteCount++;
        }

        return range;
    }
}
