// Several tensors walked together: loops over their strides instead of logical indices.
namespace Int8Runtime.X64;

/// <summary>One loop of a nest.</summary>
/// <param name="Extent">Number of iterations, at least 1.</param>
/// <param name="Strides">Bytes by which each tensor advances; 0 where it is broadcast.</param>
internal sealed record Loop(int Extent, long[] Strides)
{
    private const double StartOfLoop = 60, CyclesOfLine = 8, CyclesOfPage = 8; // about, on any CPU
    private const int CacheLine = 64, Page = 4096;

    /// <summary>A loop of one iteration.</summary>
    public static Loop Once(int tensors) => new(1, new long[tensors]);

    /// <summary>
    /// Of interchangeable loops the one to be innermost: it has many iterations, and its steps stay in few cache lines and pages.
    /// </summary>
    /// <param name="loops">The loops; none stand for a single iteration.</param>
    /// <param name="tensors">Number of tensors.</param>
    public static Loop InnermostOf(IEnumerable<Loop> loops, int tensors) =>
        loops.MinBy(loop => (StartOfLoop / loop.Extent) + loop.Strides.Sum(CostOfStep)) ?? Once(tensors);

    // A step within a cache line costs its part of a line, one to another page a translation besides.
    private static double CostOfStep(long stride) =>
        (CyclesOfLine * Math.Min(CacheLine, Math.Abs(stride)) / CacheLine) + (Math.Abs(stride) >= Page ? CyclesOfPage : 0);
}

/// <summary>
/// A box of logical indices as nested loops, from the outermost to the innermost. Tensor 0 is the destination, whose
/// strides give the order; neighbours that all tensors walk evenly are one loop.
/// </summary>
/// <remarks>
/// Inner blocks are loops as well: a dimension blocked by 16 gives a loop over blocks and one of 16 iterations. Where the
/// extent is no multiple of the block, the rest is a box of its own.
/// </remarks>
internal sealed class LoopNest
{
    private LoopNest(List<Loop> loops, long[] start) => (Loops, Start) = (loops, start);

    /// <summary>Loops from the outermost to the innermost; empty for a single element.</summary>
    public IReadOnlyList<Loop> Loops { get; }

    /// <summary>Byte offset of the box's first element in each tensor.</summary>
    public long[] Start { get; }

    /// <summary>Number of elements.</summary>
    public long Count
    {
        get
        {
            long count = 1;
            foreach (Loop loop in Loops)
                count *= loop.Extent;
            return count;
        }
    }

    /// <summary>
    /// The boxes that cover the destination, or null where blockings do not nest (8 inside 16 does, 12 inside 16 does not).
    /// </summary>
    /// <param name="tensors">The destination, then tensors of its dimensions or extents 1; all strided.</param>
    public static IReadOnlyList<LoopNest>? TryCreate(params ReadOnlySpan<MemoryDescriptor> tensors) => TryCreate([], tensors);

    /// <summary>The boxes that cover some of the dimensions; the index of the others is 0.</summary>
    /// <param name="walked">For each dimension whether it is covered; empty for all.</param>
    /// <param name="tensors">As above.</param>
    public static IReadOnlyList<LoopNest>? TryCreate(ReadOnlySpan<bool> walked, ReadOnlySpan<MemoryDescriptor> tensors)
    {
        Shape extents = tensors[0].Dimensions;
        var boxes = new List<(List<Loop> Loops, int[] Index)> { ([], new int[extents.Rank]) };
        for (int d = 0; d < extents.Rank; d++)
        {
            if (walked.Length > 0 && !walked[d])
                continue;
            if (PlacesOf(d, tensors) is not { } places)
                return null;
            var next = new List<(List<Loop>, int[])>();
            foreach ((int first, int[] digits) in Split(extents[d], places))
            {
                List<Loop> loops = LoopsOf(d, digits, places, tensors);
                foreach ((List<Loop> outer, int[] index) in boxes)
                {
                    int[] moved = [.. index];
                    moved[d] = first;
                    next.Add(([.. outer, .. loops], moved));
                }
            }

            boxes = next;
        }

        var nests = new List<LoopNest>(boxes.Count);
        foreach ((List<Loop> loops, int[] index) in boxes)
        {
            var start = new long[tensors.Length];
            for (int t = 0; t < start.Length; t++)
                start[t] = OffsetOf(tensors[t], index);
            nests.Add(new LoopNest(Collapse(loops), start));
        }

        return nests;
    }

    // Values of a digit of the index of dimension d: 1 and the products of inner blocks, over all tensors.
    private static int[]? PlacesOf(int d, ReadOnlySpan<MemoryDescriptor> tensors)
    {
        var places = new List<int> { 1 };
        foreach (MemoryDescriptor tensor in tensors)
        {
            if (tensor.Dimensions[d] == 1)
                continue;
            int place = 1;
            for (int b = tensor.InnerBlocks.Length - 1; b >= 0; b--)
                if (tensor.InnerBlocks[b].Dimension == d && !places.Contains(place *= tensor.InnerBlocks[b].Size))
                    places.Add(place);
        }

        places.Sort();
        int[] chain = [.. places];
        for (int i = 1; i < chain.Length; i++)
            if (chain[i] % chain[i - 1] != 0)
                return null;
        return chain;
    }

    // [0, extent) as boxes of whole digits, the largest first: 40 by (16, 4, 1) is 2·16 (2, 4, 4) and 2·4 (1, 2, 4).
    private static IEnumerable<(int First, int[] Digits)> Split(int extent, int[] places)
    {
        int first = 0;
        for (int level = places.Length - 1; level >= 0; level--)
        {
            int count = (extent - first) / places[level];
            if (count == 0)
                continue;
            var digits = new int[places.Length];
            for (int i = 0; i < digits.Length; i++)
                digits[i] = i > level ? 1 : i == level ? count : places[i + 1] / places[i];
            yield return (first, digits);
            first += count * places[level];
        }
    }

    private static List<Loop> LoopsOf(int d, int[] digits, int[] places, ReadOnlySpan<MemoryDescriptor> tensors)
    {
        var loops = new List<Loop>();
        for (int i = digits.Length - 1; i >= 0; i--)
        {
            if (digits[i] == 1)
                continue;
            var strides = new long[tensors.Length];
            for (int t = 0; t < strides.Length; t++)
            {
                var index = new int[tensors[t].Rank];
                long origin = OffsetOf(tensors[t], index);
                index[d] = tensors[t].Dimensions[d] == 1 ? 0 : places[i];
                strides[t] = OffsetOf(tensors[t], index) - origin;
            }

            loops.Add(new Loop(digits[i], strides));
        }

        return loops;
    }

    private static long OffsetOf(MemoryDescriptor tensor, int[] index)
    {
        var own = new int[index.Length];
        for (int d = 0; d < own.Length; d++)
            own[d] = tensor.Dimensions[d] == 1 ? 0 : index[d];
        return tensor.OffsetOf(own) * tensor.DataType.SizeInBytes();
    }

    // Orders loops by the destination's strides (then the others', for broadcast destinations), and joins neighbours.
    private static List<Loop> Collapse(List<Loop> loops)
    {
        loops.Sort((x, y) =>
        {
            for (int t = 0; t < x.Strides.Length; t++)
                if (x.Strides[t] != y.Strides[t])
                    return y.Strides[t].CompareTo(x.Strides[t]);
            return 0;
        });
        var joined = new List<Loop>();
        foreach (Loop loop in loops)
        {
            if (joined.Count > 0 && Continues(joined[^1], loop) && (long)joined[^1].Extent * loop.Extent <= int.MaxValue)
                joined[^1] = new Loop(joined[^1].Extent * loop.Extent, loop.Strides);
            else
                joined.Add(loop);
        }

        return joined;
    }

    private static bool Continues(Loop outer, Loop inner)
    {
        for (int t = 0; t < inner.Strides.Length; t++)
            if (outer.Strides[t] != inner.Strides[t] * inner.Extent)
                return false;
        return true;
    }
}
