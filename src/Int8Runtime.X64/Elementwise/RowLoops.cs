// The loops over everything but one dimension, for primitives that work along that dimension.
namespace Int8Runtime.X64;

/// <summary>
/// Rows along one dimension of two tensors of equal shape: where each row starts, and the stretches of neighbouring rows
/// that vectors can hold side by side.
/// </summary>
internal sealed class RowLoops
{
    private readonly OuterLoops _outer;
    private readonly int _neighbours, _stretch, _stretches, _destinationBytes, _sourceBytes;

    private RowLoops(OuterLoops outer, int neighbours, int stretch, MemoryDescriptor source, MemoryDescriptor destination)
    {
        (_outer, _neighbours, _stretch) = (outer, neighbours, stretch);
        (_sourceBytes, _destinationBytes) = (source.DataType.SizeInBytes(), destination.DataType.SizeInBytes());
        _stretches = ((neighbours - 1) / stretch) + 1;
        UnitCount = outer.Count * _stretches;
    }

    /// <summary>Number of units of work: a row, or a stretch of rows that start at consecutive elements of both tensors.</summary>
    public long UnitCount { get; }

    /// <summary>The loops, or null for blocked tensors.</summary>
    /// <param name="source">The source.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="axis">The dimension along which rows run.</param>
    /// <param name="stretch">Neighbouring rows of a unit at most; 0 where every row is a unit.</param>
    public static RowLoops? TryCreate(MemoryDescriptor source, MemoryDescriptor destination, int axis, int stretch)
    {
        if (!source.InnerBlocks.IsEmpty || !destination.InnerBlocks.IsEmpty)
            return null;
        var origin = new int[source.Rank];
        Shape rows = source.Dimensions.With(axis, 1);
        LoopNest nest = LoopNest.TryCreate(destination.Slice(origin, rows), source.Slice(origin, rows))![0];
        Loop[] loops = [.. nest.Loops];
        bool hasNeighbours = stretch > 0 && loops.Length > 0
            && loops[^1].Strides[0] == destination.DataType.SizeInBytes() && loops[^1].Strides[1] == source.DataType.SizeInBytes();
        return hasNeighbours
            ? new RowLoops(new OuterLoops(nest.Start, loops[..^1]), loops[^1].Extent, stretch, source, destination)
            : new RowLoops(new OuterLoops(nest.Start, loops), 1, 1, source, destination);
    }

    /// <summary>Byte offsets of the first row of a unit, and the number of its rows.</summary>
    public (long Destination, long Source, int Rows) Unit(long unit)
    {
        (long iteration, long stretch) = Math.DivRem(unit, _stretches);
        (long destination, long source) = _outer.OffsetsOf(iteration);
        long first = stretch * _stretch;
        return (destination + (first * _destinationBytes), source + (first * _sourceBytes), (int)Math.Min(_stretch, _neighbours - first));
    }
}
