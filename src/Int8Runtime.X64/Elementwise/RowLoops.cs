// The loops over everything but one dimension, for primitives that work along that dimension.
namespace Int8Runtime.X64;

/// <summary>Which rows are a unit of work.</summary>
internal enum RowUnit
{
    /// <summary>Each row.</summary>
    Single,

    /// <summary>A stretch of rows that start at consecutive elements of both tensors; single rows where there are none.</summary>
    Consecutive,

    /// <summary>A stretch of rows at equal distances in each tensor.</summary>
    Neighbours,
}

/// <summary>
/// Rows along one dimension of two tensors of equal shape: where each row starts, and the stretches of neighbouring rows
/// that vectors can hold side by side.
/// </summary>
internal sealed class RowLoops
{
    private readonly OuterLoops _outer;
    private readonly Loop _neighbours;
    private readonly int _stretch, _stretches;

    private RowLoops(OuterLoops outer, Loop neighbours, int stretch)
    {
        (_outer, _neighbours, _stretch) = (outer, neighbours, stretch);
        _stretches = ((neighbours.Extent - 1) / stretch) + 1;
        UnitCount = outer.Count * _stretches;
    }

    /// <summary>Number of units of work.</summary>
    public long UnitCount { get; }

    /// <summary>Bytes from one row of a stretch to the next in the source.</summary>
    public long SourceStride => _neighbours.Strides[1];

    /// <summary>Bytes from one row of a stretch to the next in the destination.</summary>
    public long DestinationStride => _neighbours.Strides[0];

    /// <summary>The loops, or null for blocked tensors.</summary>
    /// <param name="source">The source.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="axis">The dimension along which rows run.</param>
    /// <param name="unit">Which rows are a unit of work.</param>
    /// <param name="stretch">Rows of a stretch at most.</param>
    public static RowLoops? TryCreate(MemoryDescriptor source, MemoryDescriptor destination, int axis, RowUnit unit, int stretch)
    {
        if (!source.InnerBlocks.IsEmpty || !destination.InnerBlocks.IsEmpty)
            return null;
        var origin = new int[source.Rank];
        Shape rows = source.Dimensions.With(axis, 1);
        LoopNest nest = LoopNest.TryCreate(destination.Slice(origin, rows), source.Slice(origin, rows))![0];
        List<Loop> loops = [.. nest.Loops];
        Loop neighbours = unit == RowUnit.Neighbours ? Loop.InnermostOf(loops, 2) : Loop.Once(2);
        if (unit == RowUnit.Consecutive && loops.Count > 0
            && loops[^1].Strides[0] == destination.DataType.SizeInBytes() && loops[^1].Strides[1] == source.DataType.SizeInBytes())
            neighbours = loops[^1];
        loops.Remove(neighbours);
        return new RowLoops(new OuterLoops(nest.Start, [.. loops]), neighbours, stretch);
    }

    /// <summary>Byte offsets of the first row of a unit, and the number of its rows.</summary>
    public (long Destination, long Source, int Rows) Unit(long unit)
    {
        (long iteration, long stretch) = Math.DivRem(unit, _stretches);
        (long destination, long source) = _outer.OffsetsOf(iteration);
        long first = stretch * _stretch;
        return (destination + (first * DestinationStride), source + (first * SourceStride),
            (int)Math.Min(_stretch, _neighbours.Extent - first));
    }
}
