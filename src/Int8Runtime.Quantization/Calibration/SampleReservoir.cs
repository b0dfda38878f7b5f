// A bounded, order-independent choice of per-sample figures.
using Int8Runtime.Diagnostics;

namespace Int8Runtime.Quantization;

/// <summary>
/// Keeps one pair of figures for each sample, and of at most <see cref="Capacity"/> samples: those whose index has the smallest
/// hash (a bottom-k sketch). The choice is uniform, and the same in whatever order and by however many threads the samples
/// come. Up to the capacity nothing is left out.
/// </summary>
internal sealed class SampleReservoir
{
    /// <summary>Samples that are kept.</summary>
    public const int Capacity = 4096;

    private readonly SortedSet<(ulong Hash, int Sample)> _order = [];
    private readonly Dictionary<int, ValueRange> _kept = [];

    /// <summary>The kept figures in the order of the samples.</summary>
    public ValueRange[] InOrder() => [.. _kept.OrderBy(k => k.Key).Select(k => k.Value)];

    /// <summary>Adds the figures of one sample.</summary>
    public void Add(int sample, ValueRange figures)
    {
        if (_kept.TryGetValue(sample, out ValueRange present))
        {
            _kept[sample] = present.Union(figures);
            return;
        }

        (ulong, int) key = (SplitMix64.At((ulong)sample), sample);
        if (_kept.Count >= Capacity)
        {
            if (key.CompareTo(_order.Max) > 0)
                return;
            _kept.Remove(_order.Max.Sample);
            _order.Remove(_order.Max);
        }

        _order.Add(key);
        _kept.Add(sample, figures);
    }

    /// <summary>Adds what another reservoir has kept.</summary>
    public void Merge(SampleReservoir other)
    {
        foreach ((int sample, ValueRange figures) in other._kept)
            Add(sample, figures);
    }
}
