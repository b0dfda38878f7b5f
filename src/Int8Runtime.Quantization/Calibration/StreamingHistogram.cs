// A histogram whose range need not be known beforehand.
using System.Numerics.Tensors;

namespace Int8Runtime.Quantization;

/// <summary>
/// Counts values in bins of equal width. The width is a power of two and the edges are multiples of it, so that a larger value
/// doubles the width by adding up neighbours: the counts are those of a histogram that had the final width from the start,
/// whatever the order of the samples. Memory is constant (64 KiB). Not thread-safe; see <see cref="Merge"/>.
/// </summary>
public sealed class StreamingHistogram
{
    /// <summary>Bins on either side of 0. The largest magnitude falls into the upper half of them.</summary>
    public const int BinsPerSide = 4096;

    // Narrower bins would need factors that f32 does not have; such values are zero for every purpose of inference.
    private const int SmallestExponent = -120;

    private long[] _counts = [];
    private int _exponent = int.MinValue;

    /// <summary>Number of finite values.</summary>
    public long Total { get; private set; }

    /// <summary>Number of values that were exactly 0.</summary>
    public long Zeros { get; private set; }

    /// <summary>Number of values that were NaN or infinite.</summary>
    public long NonFiniteCount { get; private set; }

    /// <summary>Smallest and largest finite value.</summary>
    public ValueRange Extremes { get; private set; } = ValueRange.Empty;

    /// <summary>Width of a bin.</summary>
    public double BinWidth => Math.ScaleB(1, _exponent);

    /// <summary>The counts; bin i covers [<see cref="LowerEdge"/>(i), LowerEdge(i + 1)). Empty as long as nothing was seen.</summary>
    public ReadOnlySpan<long> Counts => _counts;

    /// <summary>Lower edge of a bin.</summary>
    public double LowerEdge(int bin) => (bin - BinsPerSide) * BinWidth;

    /// <summary>Mean of the values of a bin, assumed to be its middle.</summary>
    public double Middle(int bin) => (bin - BinsPerSide + 0.5) * BinWidth;

    /// <summary>Takes in values; those that are not finite are only counted.</summary>
    public void Add(ReadOnlySpan<float> values)
    {
        if (values.IsEmpty)
            return;
        float largest = TensorPrimitives.MaxMagnitude(values);
        bool finite = float.IsFinite(largest);
        var extremes = ValueRange.Empty;
        if (finite)
        {
            extremes = new ValueRange(TensorPrimitives.Min(values), TensorPrimitives.Max(values));
        }
        else
        {
            largest = 0;
            foreach (float value in values)
            {
                if (!float.IsFinite(value))
                    continue;
                largest = Math.Max(largest, Math.Abs(value));
                extremes = extremes.Union(new ValueRange(value, value));
            }
        }

        Extremes = Extremes.Union(extremes);
        Cover(largest);
        float perBin = MathF.ScaleB(1, -_exponent);
        long[] counts = _counts;
        long zeros = 0, skipped = 0;
        foreach (float value in values)
        {
            if (!finite && !float.IsFinite(value))
            {
                skipped++;
                continue;
            }

            zeros += value == 0 ? 1 : 0;
            counts[(int)MathF.Floor(value * perBin) + BinsPerSide]++;
        }

        Zeros += zeros;
        NonFiniteCount += skipped;
        Total += values.Length - skipped;
    }

    /// <summary>Takes in what another histogram counted; equal to having counted its values here.</summary>
    public void Merge(StreamingHistogram other)
    {
        ArgumentNullException.ThrowIfNull(other);
        NonFiniteCount += other.NonFiniteCount;
        if (other._counts.Length == 0)
            return;
        Extremes = Extremes.Union(other.Extremes);
        Widen(other._exponent);
        int shift = Math.Min(_exponent - other._exponent, 31);   // a shift operator takes 5 bits
        for (int i = 0; i < other._counts.Length; i++)
            _counts[((i - BinsPerSide) >> shift) + BinsPerSide] += other._counts[i];
        Total += other.Total;
        Zeros += other.Zeros;
    }

    /// <summary>
    /// Counts of |value| in bins of equal width from 0 to the largest magnitude. A bin of this histogram that straddles an
    /// edge is divided in proportion.
    /// </summary>
    /// <param name="bins">Number of bins, at most <see cref="BinsPerSide"/> / 2.</param>
    /// <param name="includeZeros">Whether values that are exactly 0 count.</param>
    public double[] Magnitudes(int bins, bool includeZeros = true)
    {
        var result = new double[bins];
        double largest = Math.Max(Math.Abs((double)Extremes.Minimum), Math.Abs((double)Extremes.Maximum));
        if (Total == 0 || largest == 0)
            return result;
        double binsPerUnit = bins / largest;
        for (int i = 0; i < _counts.Length; i++)
        {
            double count = _counts[i] - (!includeZeros && i == BinsPerSide ? Zeros : 0);
            if (count == 0)
                continue;
            int magnitudeBin = i >= BinsPerSide ? i - BinsPerSide : BinsPerSide - 1 - i;
            double low = magnitudeBin * BinWidth * binsPerUnit, high = Math.Min(bins, (magnitudeBin + 1) * BinWidth * binsPerUnit);
            low = Math.Min(low, Math.BitDecrement(high));
            for (int bin = (int)low; bin < high; bin++)
                result[bin] += count * (Math.Min(high, bin + 1) - Math.Max(low, bin)) / (high - low);
        }

        return result;
    }

    private void Cover(float largest)
    {
        // ilogb(0) is the smallest int; ScaleB(1, 12) bins hold magnitudes below 2^(ilogb + 1).
        int exponent = largest == 0 ? SmallestExponent : Math.Max(SmallestExponent, Math.ILogB(largest) + 1 - Math.ILogB(BinsPerSide));
        Widen(exponent);
    }

    private void Widen(int exponent)
    {
        if (_counts.Length == 0)
        {
            _counts = new long[2 * BinsPerSide];
            _exponent = exponent;
            return;
        }

        int shift = exponent - _exponent;
        if (shift <= 0)
            return;
        shift = Math.Min(shift, 31);
        var wide = new long[2 * BinsPerSide];
        for (int i = 0; i < _counts.Length; i++)
            wide[((i - BinsPerSide) >> shift) + BinsPerSide] += _counts[i];
        _counts = wide;
        _exponent = exponent;
    }
}
