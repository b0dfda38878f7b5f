// The loops of primitives that compute statistics: outer loops over sets, runs inside of a set.
//
//   across lanes      the elements of a run are consecutive: a vector holds elements of one set
//   side by side      neighbouring sets start at consecutive elements: a vector holds one element of each of them
//   otherwise         a vector holds one element
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// How sets of elements lie in several tensors. Tensors are numbered: 0 the source, 1 the destination, 2 the parameters, then
/// operands of post-ops; extents of 1 are broadcast.
/// </summary>
internal sealed unsafe class SetLoops
{
    private const int Parameters = 2;

    private readonly long[] _start;
    private readonly Loop[] _outer;
    private readonly Loop _inner, _sideBySide;
    private readonly SetRun[] _runs;
    private readonly int[] _sizes;

    private SetLoops(long[] start, Loop[] outer, Loop sideBySide, Loop[] runs, Loop inner, bool acrossLanes, int[] sizes)
    {
        (_start, _outer, _sideBySide, _inner, AcrossLanes, _sizes) = (start, outer, sideBySide, inner, acrossLanes, sizes);
        _runs = RunsOf(runs);
        OuterCount = Count(outer);
        Loop lanes = acrossLanes ? inner : sideBySide;
        ParametersInLanes = lanes.Strides[Parameters] != 0;
    }

    /// <summary>Whether a vector holds elements of one set.</summary>
    public bool AcrossLanes { get; }

    /// <summary>Whether lanes have parameters of their own.</summary>
    public bool ParametersInLanes { get; }

    /// <summary>Iterations over groups of neighbouring sets.</summary>
    public int OuterCount { get; }

    /// <summary>Neighbouring sets of each iteration; 1 across lanes.</summary>
    public int Neighbours => _sideBySide.Extent;

    /// <summary>Number of tensors.</summary>
    public int Tensors => _start.Length;

    /// <summary>Bytes kept alive.</summary>
    public long SizeInBytes => _runs.Length * sizeof(SetRun);

    /// <summary>Plans the loops; null for blocked tensors.</summary>
    /// <param name="inSet">For each dimension whether it runs inside of a set.</param>
    /// <param name="perElement">Whether there is a result for each element instead of one for each set.</param>
    /// <param name="tensors">The tensors; all of one rank.</param>
    public static SetLoops? TryCreate(ReadOnlySpan<bool> inSet, bool perElement, params ReadOnlySpan<MemoryDescriptor> tensors)
    {
        foreach (MemoryDescriptor tensor in tensors)
            if (!tensor.IsStrided || !tensor.InnerBlocks.IsEmpty)
                return null;
        LoopNest sets = NestOf(inSet, false, tensors), elements = NestOf(inSet, true, tensors);
        int[] sizes = [.. tensors.ToArray().Select(tensor => tensor.DataType.SizeInBytes())];
        List<Loop> outer = [.. sets.Loops], runs = [.. elements.Loops];
        Loop once = Loop.Once(tensors.Length), inner = once, sideBySide = once;
        bool across = runs.Count > 0 && runs[^1].Strides[0] == sizes[0]
            && (!perElement || runs[^1].Strides[1] == sizes[1]) && IsLaneStride(runs[^1], Parameters, sizes);
        if (across)
        {
            inner = runs[^1];
            runs.RemoveAt(runs.Count - 1);
        }
        else
        {
            if (runs.Count > 0)
            {
                inner = runs.MaxBy(loop => loop.Extent)!;
                runs.Remove(inner);
            }

            if (outer.Count > 0 && outer[^1].Strides[0] == sizes[0] && outer[^1].Strides[1] == sizes[1]
                && Enumerable.Range(Parameters, tensors.Length - Parameters).All(t => IsLaneStride(outer[^1], t, sizes)))
            {
                sideBySide = outer[^1];
                outer.RemoveAt(outer.Count - 1);
            }
        }

        return new SetLoops(sets.Start, [.. outer], sideBySide, [.. runs], inner, across, sizes);
    }

    /// <summary>How an operand of a post-op behind the sets meets the lanes.</summary>
    public OperandMode ModeOf(int tensor) => _sideBySide.Strides[tensor] == 0 ? OperandMode.PerTensor : OperandMode.PerChannel;

    /// <summary>Byte offsets of the first set of an iteration, moved by <paramref name="neighbour"/> sets.</summary>
    public void OffsetsOf(int iteration, int neighbour, Span<long> offsets)
    {
        _start.CopyTo(offsets);
        for (int i = _outer.Length - 1; i >= 0; i--)
        {
            (iteration, int digit) = Math.DivRem(iteration, _outer[i].Extent);
            Move(offsets, _outer[i], digit);
        }

        Move(offsets, _sideBySide, neighbour);
    }

    /// <summary>Fills what belongs to the plan.</summary>
    public void Prepare(ref SetArguments call)
    {
        call.Runs = (SetRun*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_runs, 0);
        call.RunCount = _runs.Length;
        call.Count = _inner.Extent;
        call.SourceStride = _inner.Strides[0];
        call.DestinationStride = _inner.Strides[1];
        call.ParameterStride = _inner.Strides[Parameters];
        call.Elements = (float)_inner.Extent * _runs.Length;
    }

    // The dimensions inside of a set, or those outside.
    private static LoopNest NestOf(ReadOnlySpan<bool> inSet, bool inside, ReadOnlySpan<MemoryDescriptor> tensors)
    {
        var parts = new MemoryDescriptor[tensors.Length];
        for (int t = 0; t < parts.Length; t++)
        {
            int[] extents = tensors[t].Dimensions.ToArray();
            for (int d = 0; d < extents.Length; d++)
                if (inSet[d] != inside)
                    extents[d] = 1;
            parts[t] = tensors[t].Slice(new int[extents.Length], extents);
        }

        return LoopNest.TryCreate(parts)![0];
    }

    private static bool IsLaneStride(Loop loop, int tensor, int[] sizes) =>
        loop.Strides[tensor] == 0 || loop.Strides[tensor] == sizes[tensor];

    private static int Count(Loop[] loops) => loops.Aggregate(1, (count, loop) => checked(count * loop.Extent));

    private static SetRun[] RunsOf(Loop[] loops)
    {
        SetRun[] runs = GC.AllocateArray<SetRun>(Count(loops), pinned: true);
        for (int i = 0; i < runs.Length; i++)
        {
            int rest = i;
            for (int l = loops.Length - 1; l >= 0; l--)
            {
                (rest, int digit) = Math.DivRem(rest, loops[l].Extent);
                runs[i].Source += digit * loops[l].Strides[0];
                runs[i].Destination += digit * loops[l].Strides[1];
                runs[i].Parameter += digit * loops[l].Strides[Parameters];
            }
        }

        return runs;
    }

    private static void Move(Span<long> offsets, Loop loop, int iterations)
    {
        for (int t = 0; t < offsets.Length; t++)
            offsets[t] += iterations * loop.Strides[t];
    }
}
