// Reshapes of strided memory without a copy, and tests of layouts.
using System.Diagnostics.CodeAnalysis;

namespace Int8Runtime.Graph.Planning;

/// <summary>What strides can express.</summary>
internal static class StridedView
{
    /// <summary>
    /// Describes the same memory by another shape of as many row-major elements, if strides can: each run of old dimensions
    /// that is contiguous may be divided anew.
    /// </summary>
    public static bool TryReshape(MemoryDescriptor memory, Shape shape, [NotNullWhen(true)] out MemoryDescriptor? view)
    {
        view = null;
        if (!memory.IsStrided || !memory.InnerBlocks.IsEmpty || memory.ElementCount != shape.ElementCount || shape.ElementCount == 0)
            return false;
        List<int> old = [.. Enumerable.Range(0, memory.Rank).Where(d => memory.Dimensions[d] != 1)];
        var strides = new long[shape.Rank];
        int from = 0, to = 0;
        while (from < old.Count)
        {
            // The shortest runs of old and new dimensions with equal products.
            int fromEnd = from + 1, toEnd = to + 1;
            long oldCount = memory.Dimensions[old[from]], newCount = shape[to];
            while (oldCount != newCount)
            {
                if (oldCount < newCount)
                    oldCount *= memory.Dimensions[old[fromEnd++]];
                else
                    newCount *= shape[toEnd++];
            }

            for (int d = from; d < fromEnd - 1; d++)
            {
                if (memory.Strides[old[d]] != memory.Strides[old[d + 1]] * memory.Dimensions[old[d + 1]])
                    return false;
            }

            long stride = memory.Strides[old[fromEnd - 1]];
            for (int d = toEnd - 1; d >= to; d--)
            {
                strides[d] = stride;
                stride *= shape[d];
            }

            (from, to) = (fromEnd, toEnd);
        }

        for (; to < shape.Rank; to++)
            strides[to] = 1;   // only extents of 1 are left
        view = MemoryDescriptor.Strided(shape, memory.DataType, strides, memory.Offset);
        return true;
    }

    /// <summary>
    /// Whether the channels of each pixel are adjacent and pixels follow at one constant distance (a dense tensor, or channels
    /// of a wider one).
    /// </summary>
    public static bool IsChannelsLast(MemoryDescriptor memory)
    {
        if (!memory.IsStrided || !memory.InnerBlocks.IsEmpty || memory.Rank < 3)
            return false;
        if (memory.Dimensions[1] > 1 && memory.Strides[1] != 1)
            return false;
        long pixels = 1, distance = -1;   // pixels so far, and the distance of neighbouring pixels once it is known
        for (int i = memory.Rank - 1; i >= 1; i--)
        {
            int d = i == 1 ? 0 : i;   // innermost spatial dimension first, the batch last
            if (memory.Dimensions[d] == 1)
                continue;
            if (distance < 0)
                distance = memory.Strides[d] % pixels == 0 ? memory.Strides[d] / pixels : 0;
            if (memory.Strides[d] != distance * pixels)
                return false;
            pixels *= memory.Dimensions[d];
        }

        return distance < 0 || distance >= memory.Dimensions[1];
    }

    /// <summary>Whether the elements are dense and row-major, from any offset on.</summary>
    public static bool IsRowMajor(MemoryDescriptor memory) => memory.Rank == 0 || memory.HasLayout(FormatTag.RowMajor(memory.Rank));

    /// <summary>Whether the tensor has the layout of a plan: channels last, or row-major.</summary>
    public static bool Matches(MemoryDescriptor memory, bool channelsLast) => channelsLast ? IsChannelsLast(memory) : IsRowMajor(memory);

    /// <summary>A dense tensor in a layout of a plan.</summary>
    public static MemoryDescriptor Dense(Shape shape, DataType type, bool channelsLast) => channelsLast && shape.Rank >= 3
        ? new MemoryDescriptor(shape, type, FormatTag.ChannelsLast(shape.Rank))
        : new MemoryDescriptor(shape, type);
}
