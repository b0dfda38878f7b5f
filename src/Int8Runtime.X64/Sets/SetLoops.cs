// The loops of primitives that compute statistics: outer loops over sets, runs inside of a set.
//
//   across lanes      the elements of a run are consecutive: a vector holds elements of one set
//   side by side      neighbouring sets start at consecutive elements: a vector holds one element of each of them
//   otherwise         a vector holds one element
//
// A blocked dimension whose extent is no multiple of the block gives several boxes of sets, or runs of several lengths.
namespace Int8Runtime.X64;

/// <summary>
/// How sets of elements lie in several tensors. Tensors are numbered: 0 the source, 1 the destination, 2 the parameters, then
/// operands of post-ops; extents of 1 are broadcast.
/// </summary>
internal sealed unsafe class SetLoops
{
    private const int Parameters = 2;

    // Neighbouring sets are shared in stretches of this many.
    private const int Stretch = 64;

    // Longer runs are split: sums of floats are rounded less often where each run is summed by itself.
    private const int LongestRun = 1024;

    // A plan keeps all of them.
    private const long MostRuns = 1 << 25;

    /// <summary>Why <see cref="TryCreate"/> gives no loops.</summary>
    public const string Refusal = "are blocked differently, or their sets fall into more than 2²⁵ runs";

    private readonly Box[] _boxes;
    private readonly Loop _inner;
    private readonly SetRun[] _runs;
    private readonly int[] _sizes;
    private readonly float _elements;

    private SetLoops(Box[] boxes, SetRun[] runs, Loop inner, bool acrossLanes, int[] sizes)
    {
        (_boxes, _runs, _inner, AcrossLanes, _sizes) = (boxes, runs, inner, acrossLanes, sizes);
        UnitCount = boxes.Sum(box => box.UnitCount);
        ParametersInLanes = acrossLanes ? inner.Strides[Parameters] != 0 : HasNeighbours(Parameters);
        _elements = runs.Sum(run => (float)run.Count);
    }

    /// <summary>Whether a vector holds elements of one set.</summary>
    public bool AcrossLanes { get; }

    /// <summary>Whether lanes have parameters of their own.</summary>
    public bool ParametersInLanes { get; }

    /// <summary>Number of units of work: a set, or a stretch of neighbouring ones.</summary>
    public long UnitCount { get; }

    /// <summary>Number of tensors.</summary>
    public int Tensors => _sizes.Length;

    /// <summary>Bytes kept alive.</summary>
    public long SizeInBytes => _runs.Length * sizeof(SetRun);

    /// <summary>Plans the loops; null where blockings do not nest or a set has too many runs.</summary>
    /// <param name="inSet">For each dimension whether it runs inside of a set.</param>
    /// <param name="perElement">Whether there is a result for each element instead of one for each set.</param>
    /// <param name="tensors">The tensors; all strided and of one rank, the source first.</param>
    public static SetLoops? TryCreate(ReadOnlySpan<bool> inSet, bool perElement, params ReadOnlySpan<MemoryDescriptor> tensors)
    {
        bool[] outside = [.. inSet.ToArray().Select(inside => !inside)];
        if (LoopNest.TryCreate(outside, tensors) is not { } sets || LoopNest.TryCreate(inSet, tensors) is not { } elements)
            return null;
        int[] sizes = [.. tensors.ToArray().Select(tensor => tensor.DataType.SizeInBytes())];
        Loop once = Loop.Once(tensors.Length);
        bool IsLane(Loop loop) => loop.Strides[0] == sizes[0] && (!perElement || loop.Strides[1] == sizes[1])
            && IsLaneStride(loop, Parameters, sizes);
        IReadOnlyList<Loop> first = elements[0].Loops;
        bool across = first.Count > 0 && IsLane(first[^1]);
        Loop inner = across ? first[^1] : first.Count > 0 ? first.MaxBy(loop => loop.Extent)! : once;
        if (elements.Sum(nest => RunsOf(nest, inner)) > MostRuns)
            return null;
        var runs = new List<SetRun>();
        foreach (LoopNest nest in elements)
            AddRuns(runs, nest, sets[0].Start, inner);
        Box[] boxes = [.. sets.Select(nest => BoxOf(nest, sideBySide: !across))];
        return new SetLoops(boxes, Pinned(runs), inner, across, sizes);

        Box BoxOf(LoopNest nest, bool sideBySide)
        {
            Loop[] loops = [.. nest.Loops];
            sideBySide &= loops.Length > 0 && loops[^1].Strides[0] == sizes[0] && loops[^1].Strides[1] == sizes[1];
            for (int t = Parameters; t < sizes.Length && sideBySide; t++)
                sideBySide = IsLaneStride(loops[^1], t, sizes);
            return sideBySide
                ? new Box(new OuterLoops(nest.Start, loops[..^1]), loops[^1])
                : new Box(new OuterLoops(nest.Start, loops), once);
        }
    }

    /// <summary>How an operand of a post-op behind the sets meets the lanes.</summary>
    public OperandMode ModeOf(int tensor) => HasNeighbours(tensor) ? OperandMode.PerChannel : OperandMode.PerTensor;

    /// <summary>Byte offsets of the first set of a unit of work in each tensor, and the number of its sets.</summary>
    public int Unit(long unit, Span<long> offsets)
    {
        int b = 0;
        while (unit >= _boxes[b].UnitCount)
            unit -= _boxes[b++].UnitCount;
        Box box = _boxes[b];
        (long iteration, long stretch) = Math.DivRem(unit, box.Stretches);
        int first = (int)stretch * Stretch;
        box.Outer.OffsetsOf(iteration, offsets);
        OuterLoops.Move(offsets, box.SideBySide, first);
        return Math.Min(Stretch, box.SideBySide.Extent - first);
    }

    /// <summary>Fills what belongs to the plan.</summary>
    public void Prepare(ref SetArguments call)
    {
        call.Runs = (SetRun*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_runs, 0);
        call.RunCount = _runs.Length;
        call.SourceStride = _inner.Strides[0];
        call.DestinationStride = _inner.Strides[1];
        call.ParameterStride = _inner.Strides[Parameters];
        call.Elements = _elements;
    }

    private bool HasNeighbours(int tensor) => Array.Exists(_boxes, box => box.SideBySide.Strides[tensor] != 0);

    private static bool IsLaneStride(Loop loop, int tensor, int[] sizes) =>
        loop.Strides[tensor] == 0 || loop.Strides[tensor] == sizes[tensor];

    private static int IndexOf(LoopNest nest, Loop inner) =>
        nest.Loops.ToList().FindIndex(loop => loop.Strides.AsSpan().SequenceEqual(inner.Strides));

    private static double RunsOf(LoopNest nest, Loop inner)
    {
        int own = IndexOf(nest, inner);
        return (double)nest.Count / (own < 0 ? 1 : Math.Min(LongestRun, nest.Loops[own].Extent));
    }

    // Everything but the loop that the kernel runs, which a box may lack.
    private static void AddRuns(List<SetRun> runs, LoopNest nest, long[] origin, Loop inner)
    {
        List<Loop> loops = [.. nest.Loops];
        int own = IndexOf(nest, inner);
        int count = own < 0 ? 1 : loops[own].Extent;
        if (own >= 0)
            loops.RemoveAt(own);
        int total = loops.Aggregate(1, (product, loop) => product * loop.Extent);
        for (int i = 0; i < total; i++)
        {
            int rest = i;
            var run = new SetRun
            {
                Source = nest.Start[0] - origin[0], Destination = nest.Start[1] - origin[1],
                Parameter = nest.Start[Parameters] - origin[Parameters], Count = count,
            };
            for (int l = loops.Count - 1; l >= 0; l--)
            {
                (rest, int digit) = Math.DivRem(rest, loops[l].Extent);
                run.Source += digit * loops[l].Strides[0];
                run.Destination += digit * loops[l].Strides[1];
                run.Parameter += digit * loops[l].Strides[Parameters];
            }

            for (long first = 0; first < count; first += LongestRun)
            {
                runs.Add(run with
                {
                    Source = run.Source + (first * inner.Strides[0]), Destination = run.Destination + (first * inner.Strides[1]),
                    Parameter = run.Parameter + (first * inner.Strides[Parameters]), Count = Math.Min(LongestRun, count - first),
                });
            }
        }
    }

    private static SetRun[] Pinned(List<SetRun> runs)
    {
        SetRun[] pinned = GC.AllocateArray<SetRun>(runs.Count, pinned: true);
        runs.CopyTo(pinned);
        return pinned;
    }

    // Sets that outer loops and at most one loop over neighbours cover.
    private sealed class Box(OuterLoops outer, Loop sideBySide)
    {
        public OuterLoops Outer => outer;

        public Loop SideBySide => sideBySide;

        public int Stretches { get; } = ((sideBySide.Extent - 1) / Stretch) + 1;

        public long UnitCount => outer.Count * Stretches;
    }
}
