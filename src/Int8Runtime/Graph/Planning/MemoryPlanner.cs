// Places buffers with known lifetimes in one arena.
namespace Int8Runtime.Graph.Planning;

/// <summary>
/// Greedy by size: the largest buffer first, each at the lowest offset of the tightest gap between the buffers that are
/// in use at the same time. For the chains and diamonds of neural networks this comes close to the largest sum of live
/// bytes, the lower bound.
/// </summary>
internal static class MemoryPlanner
{
    /// <summary>Alignment of every buffer in bytes: one cache line, one 512-bit vector.</summary>
    public const int Alignment = 64;

    /// <summary>Sets the offset of every buffer.</summary>
    /// <returns>The size of the arena in bytes.</returns>
    public static long Place(IReadOnlyCollection<PlannedBuffer> buffers)
    {
        long size = 0;
        var placed = new List<PlannedBuffer>(buffers.Count);   // sorted by offset
        List<PlannedBuffer> order = [.. buffers];
        order.Sort((a, b) => a.Bytes != b.Bytes ? b.Bytes.CompareTo(a.Bytes) : a.FirstStep.CompareTo(b.FirstStep));
        foreach (PlannedBuffer buffer in order)
        {
            buffer.Offset = FindGap(buffer, placed);
            size = Math.Max(size, buffer.Offset + Aligned(buffer.Bytes));
            int position = placed.FindIndex(other => other.Offset > buffer.Offset);
            placed.Insert(position < 0 ? placed.Count : position, buffer);
        }

        return size;
    }

    private static long FindGap(PlannedBuffer buffer, List<PlannedBuffer> placed)
    {
        long need = Aligned(buffer.Bytes), best = -1, bestGap = long.MaxValue, end = 0;
        foreach (PlannedBuffer other in placed)
        {
            if (!buffer.Overlaps(other))
                continue;
            long gap = other.Offset - end;
            if (gap >= need && gap < bestGap)
                (best, bestGap) = (end, gap);
            end = Math.Max(end, other.Offset + Aligned(other.Bytes));
        }

        return best >= 0 ? best : end;
    }

    private static long Aligned(long bytes) => (Math.Max(bytes, 1) + Alignment - 1) & ~(long)(Alignment - 1);
}
