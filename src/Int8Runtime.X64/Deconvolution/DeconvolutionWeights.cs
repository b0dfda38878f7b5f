// Packed weights of a deconvolution: those of its phases, one behind the other, each at a multiple of 64 bytes.
namespace Int8Runtime.X64;

/// <summary>The packed layout of a deconvolution's weights.</summary>
internal sealed unsafe class DeconvolutionWeights : PackedLayout
{
    private const int Alignment = 64;

    private readonly (DeconvolutionPhase Phase, PackedLayout Layout, long Offset)[] _parts;

    /// <summary>Lays out the phases that have taps.</summary>
    /// <param name="parts">Each such phase with the layout that its convolution chose.</param>
    public DeconvolutionWeights(IEnumerable<(DeconvolutionPhase Phase, PackedLayout Layout)> parts)
    {
        long end = 0;
        var placed = new List<(DeconvolutionPhase, PackedLayout, long)>();
        foreach ((DeconvolutionPhase phase, PackedLayout layout) in parts)
        {
            placed.Add((phase, layout, end));
            end += (layout.SizeInBytes + Alignment - 1) / Alignment * Alignment;
        }

        _parts = [.. placed];
        SizeInBytes = end;
    }

    /// <inheritdoc/>
    public override string Name => $"phases{_parts.Length}:{(_parts.Length > 0 ? _parts[0].Layout.Name : "none")}";

    /// <inheritdoc/>
    public override long SizeInBytes { get; }

    /// <summary>Where the weights of a phase begin; 0 for one without taps.</summary>
    public long OffsetOf(DeconvolutionPhase phase) => Array.Find(_parts, part => part.Phase == phase).Offset;

    /// <inheritdoc/>
    internal override void Pack(MemoryDescriptor source, void* sourceData, void* destination)
    {
        foreach ((DeconvolutionPhase phase, PackedLayout layout, long offset) in _parts)
            layout.Pack(phase.WeightsOf(source), sourceData, (byte*)destination + offset);
    }

    /// <inheritdoc/>
    public override bool Equals(PackedLayout? other) => other is DeconvolutionWeights weights
        && _parts.AsSpan().SequenceEqual(weights._parts, PartComparer.Instance);

    /// <inheritdoc/>
    public override int GetHashCode() => _parts.Length == 0 ? 0 : HashCode.Combine(_parts.Length, _parts[0].Layout);

    // Two parts hold the same bytes if they take the same taps in the same layout.
    private sealed class PartComparer : IEqualityComparer<(DeconvolutionPhase Phase, PackedLayout Layout, long Offset)>
    {
        public static PartComparer Instance { get; } = new();

        public bool Equals((DeconvolutionPhase Phase, PackedLayout Layout, long Offset) x,
            (DeconvolutionPhase Phase, PackedLayout Layout, long Offset) y) =>
            x.Phase.HasTapsOf(y.Phase) && x.Layout.Equals(y.Layout);

        public int GetHashCode((DeconvolutionPhase Phase, PackedLayout Layout, long Offset) part) => part.Layout.GetHashCode();
    }
}
