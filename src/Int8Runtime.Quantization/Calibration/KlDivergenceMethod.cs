// The clipping threshold that loses the least information.
namespace Int8Runtime.Quantization;

/// <summary>
/// Clips magnitudes at the threshold whose quantized distribution diverges least from the observed one, by Kullback and
/// Leibler's measure. Migacz, "8-bit inference with TensorRT" (GPU Technology Conference 2017), on 2048 bins of |x|. Exact zeros are
/// left out: every quantizer represents them exactly.
/// </summary>
public sealed class KlDivergenceMethod : IRangeMethod
{
    /// <summary>Bins between 0 and the largest magnitude.</summary>
    public const int Bins = 2048;

    /// <inheritdoc/>
    public ValueRange Choose(StreamingHistogram histogram, QuantizerTarget target)
    {
        ArgumentNullException.ThrowIfNull(histogram);
        ValueRange extremes = histogram.Extremes;
        double largest = Math.Max(Math.Abs((double)extremes.Minimum), Math.Abs((double)extremes.Maximum));
        // Magnitudes have half of the integers where both signs occur, all of them otherwise.
        int levels = 1 << (extremes is { Minimum: < 0, Maximum: > 0 } ? target.Bits - 1 : target.Bits);
        double[] magnitudes = histogram.Magnitudes(Bins, includeZeros: false);
        var threshold = (float)(largest * Threshold(magnitudes, levels) / Bins);
        return new ValueRange(Math.Max(extremes.Minimum, -threshold), Math.Min(extremes.Maximum, threshold));
    }

    /// <summary>
    /// The number of bins below the best threshold. A candidate i keeps bins [0, i) and adds what lies above to the last of
    /// them, which gives the reference distribution P; Q spreads the sum of each of <paramref name="levels"/> equal stretches
    /// of the unclipped bins evenly over those that are not empty. Candidates whose last bin is empty but takes clipped values
    /// diverge without bound.
    /// </summary>
    /// <param name="counts">Counts of magnitudes in equal bins.</param>
    /// <param name="levels">Levels of the quantizer for magnitudes.</param>
    public static int Threshold(ReadOnlySpan<double> counts, int levels)
    {
        int bins = counts.Length;
        // Sums over the bins below i: of the counts, of the bins that are not empty, of c·ln c.
        double[] sums = new double[bins + 1], entropies = new double[bins + 1];
        int[] filled = new int[bins + 1];
        for (int i = 0; i < bins; i++)
        {
            sums[i + 1] = sums[i] + counts[i];
            filled[i + 1] = filled[i] + (counts[i] > 0 ? 1 : 0);
            entropies[i + 1] = entropies[i] + XLogX(counts[i]);
        }

        double total = sums[bins], best = double.PositiveInfinity;
        int threshold = bins;
        if (total == 0)
            return bins;
        for (int i = Math.Min(levels, bins); i <= bins; i++)
        {
            double clipped = total - sums[i], last = counts[i - 1];
            if (sums[i] == 0 || (last == 0 && clipped > total * 1e-12))
                continue;

            // Σ p·ln p − Σ p·ln q, with p = c / total (the last bin with what is clipped) and q = stretch / (filled · kept).
            double divergence = (entropies[i] - XLogX(last) + XLogX(last + clipped)) / total - Math.Log(total);
            for (int level = 0; level < levels; level++)
            {
                int from = (int)((long)level * i / levels), to = (int)((long)(level + 1) * i / levels);
                double stretch = sums[to] - sums[from];
                if (filled[to] == filled[from])
                    continue;
                double mass = level == levels - 1 ? stretch + clipped : stretch;
                divergence -= mass / total * Math.Log(stretch / (filled[to] - filled[from]) / sums[i]);
            }

            if (divergence < best - 1e-12)
            {
                best = divergence;
                threshold = i;
            }
        }

        return threshold;
    }

    private static double XLogX(double x) => x > 0 ? x * Math.Log(x) : 0;
}
