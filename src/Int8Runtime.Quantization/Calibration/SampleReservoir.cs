// A bounded, order-independent choice of per-sample figures.
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

    private readonly SortedDictionary<(ulong Hash, int Sample), ValueRange> _kept = [];
    private (ulong Hash, int Sample) _last;

    /// <summary>The kept figures in the order of the samples.</summary>
    public ValueRange[] InOrder() => [.. _kept.OrderBy(k => k.Key.Sample).Select(k => k.Value)];

    /// <summary>Adds the figures of one sample.</summary>
    public void Add(int sample, ValueRange figures) => Add((Hash((ulong)sample), sample), figures);

    /// <summary>Adds what another reservoir has kept.</summary>
    public void Merge(SampleReservoir other)
    {
        foreach (((ulong, int) key, ValueRange figures) in other._kept)
            Add(key, figures);
    }

    private void Add((ulong Hash, int Sample) key, ValueRange figures)
    {
        if (_kept.Count >= Capacity && key.CompareTo(_last) > 0)
            return;
        _kept[key] = _kept.TryGetValue(key, out ValueRange present) ? present.Union(figures) : figures;
        if (_kept.Count > Capacity)
            _kept.Remove(_last);
        if (_kept.Count >= Capacity)
            _last = _kept.Keys.Last();
    }

    // The finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    private static ulong Hash(ulong value)
    {
        value = (value + 1) * 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
