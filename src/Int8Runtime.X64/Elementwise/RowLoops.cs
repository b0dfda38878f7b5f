// The loops over everything but one dimension, for primitives that work along that dimension.
namespace Int8Runtime.X64;

/// <summary>
/// Rows along one dimension of two tensors of equal shape: where each row starts, and the stretches of neighbouring rows
/// that vectors can hold side by side.
/// </summary>
internal sealed class RowLoops
{
    private readonly LoopNest _nest;
    private readonly Loop[] _outer;

    private RowLoops(LoopNest nest, Loop[] outer, int neighbours)
    {
        (_nest, _outer, Neighbours) = (nest, outer, neighbours);
        OuterCount = outer.Aggregate(1, (count, loop) => checked(count * loop.Extent));
    }

    /// <summary>Iterations of the outer loops.</summary>
    public int OuterCount { get; }

    /// <summary>Rows of each iteration that start at consecutive elements of both tensors; 1 if there are none.</summary>
    public int Neighbours { get; }

    /// <summary>The loops, or null for blocked tensors.</summary>
    /// <param name="source">The source.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="axis">The dimension along which rows run.</param>
    /// <param name="sideBySide">Whether neighbours are wanted; otherwise every row is an iteration.</param>
    public static RowLoops? TryCreate(MemoryDescriptor source, MemoryDescriptor destination, int axis, bool sideBySide)
    {
        if (!source.InnerBlocks.IsEmpty || !destination.InnerBlocks.IsEmpty)
            return null;
        var origin = new int[source.Rank];
        Shape rows = source.Dimensions.With(axis, 1);
        LoopNest nest = LoopNest.TryCreate(destination.Slice(origin, rows), source.Slice(origin, rows))![0];
        Loop[] loops = [.. nest.Loops];
        bool hasNeighbours = sideBySide && loops.Length > 0
            && loops[^1].Strides[0] == destination.DataType.SizeInBytes() && loops[^1].Strides[1] == source.DataType.SizeInBytes();
        return hasNeighbours ? new RowLoops(nest, loops[..^1], loops[^1].Extent) : new RowLoops(nest, loops, 1);
    }

    /// <summary>Byte offsets of the first row of an iteration.</summary>
    public (long Destination, long Source) OffsetsOf(int iteration)
    {
        (long destination, long source) = (_nest.Start[0], _nest.Start[1]);
        for (int i = _outer.Length - 1; i >= 0; i--)
        {
            (iteration, int digit) = Math.DivRem(iteration, _outer[i].Extent);
            destination += digit * _outer[i].Strides[0];
            source += digit * _outer[i].Strides[1];
        }

        return (destination, source);
    }
}
