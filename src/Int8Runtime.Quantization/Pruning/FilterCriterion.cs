// How little a filter matters: the measures by which filters are chosen for removal.
namespace Int8Runtime.Quantization.Pruning;

/// <summary>A measure of the importance of each filter of a convolution; the least important ones are removed first.</summary>
public enum FilterCriterion
{
    /// <summary>Sum of the absolute weights (Li et al., arXiv:1608.08710).</summary>
    L1,

    /// <summary>Euclidean norm of the weights.</summary>
    L2,

    /// <summary>
    /// Sum of the distances to all other filters of the layer: what is close to the others can be replaced by them (He et al.,
    /// "Filter pruning via geometric median", arXiv:1811.00250).
    /// </summary>
    GeometricMedian,
}

/// <summary>Computes importances.</summary>
public static class FilterImportance
{
    /// <summary>The importance of each filter.</summary>
    /// <param name="weights">The weights, one filter after another.</param>
    /// <param name="filters">Number of filters.</param>
    /// <param name="criterion">The measure.</param>
    /// <param name="isLeft">
    /// Whether a filter is still there; null for all. Distances are measured to those that are; a filter that is gone has importance 0.
    /// </param>
    public static double[] Of(ReadOnlySpan<float> weights, int filters, FilterCriterion criterion, Func<int, bool>? isLeft = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(filters, 1);
        int length = weights.Length / filters;
        var scores = new double[filters];
        for (int f = 0; f < filters; f++)
        {
            if (isLeft?.Invoke(f) == false)
                continue;
            ReadOnlySpan<float> filter = weights.Slice(f * length, length);
            switch (criterion)
            {
                case FilterCriterion.L1:
                    foreach (float w in filter)
                        scores[f] += Math.Abs(w);
                    break;
                case FilterCriterion.L2:
                    foreach (float w in filter)
                        scores[f] += (double)w * w;
                    scores[f] = Math.Sqrt(scores[f]);
                    break;
                default:
                    for (int other = 0; other < f; other++)
                    {
                        if (isLeft?.Invoke(other) == false)
                            continue;
                        double distance = Distance(filter, weights.Slice(other * length, length));
                        scores[f] += distance;
                        scores[other] += distance;
                    }

                    break;
            }
        }

        return scores;
    }

    private static double Distance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        return Math.Sqrt(sum);
    }
}
