// The part of an element-wise computation that one nest of loops covers.
namespace Int8Runtime.X64;

/// <summary>A box of elements with the code that computes it. Tensors are numbered as in <see cref="RunStage"/>.</summary>
/// <param name="outer">The loops around what <see cref="Run"/> computes at once.</param>
internal abstract unsafe class ElementwiseBox(OuterLoops outer)
{
    /// <summary>Names of the kernels.</summary>
    public abstract string Details { get; }

    /// <summary>The chain that every element passes.</summary>
    public abstract RunStage Stage { get; }

    /// <summary>Scratch bytes of each worker.</summary>
    public virtual int ScratchBytes => 0;

    /// <summary>Number of elements.</summary>
    public abstract long Elements { get; }

    /// <summary>The loops around what <see cref="Run"/> computes at once.</summary>
    protected OuterLoops Outer => outer;

    /// <summary>Computes a worker's share.</summary>
    /// <param name="arguments">Operands of the execution.</param>
    /// <param name="numbers">What <see cref="RunStage.WriteNumbers"/> wrote.</param>
    /// <param name="scratch"><see cref="ScratchBytes"/> bytes of the worker.</param>
    /// <param name="worker">The worker.</param>
    /// <param name="workers">Number of workers.</param>
    public abstract void Run(in ExecutionArguments arguments, byte* numbers, byte* scratch, int worker, int workers);
}

/// <summary>A box whose innermost loop runs over consecutive elements of every tensor, or over single ones.</summary>
internal sealed unsafe class RunBox(OuterLoops outer, Loop rows, Loop run, RunStage stage) : ElementwiseBox(outer)
{
    // Parts of a split row start at multiples of this, so that threads do not share cache lines.
    private const int PartAlignment = 64;

    /// <inheritdoc/>
    public override string Details => stage.KernelName;

    /// <inheritdoc/>
    public override RunStage Stage => stage;

    /// <inheritdoc/>
    public override long Elements => AllRows * run.Extent;

    // Counted over all outer iterations.
    private long AllRows { get; } = outer.Count * rows.Extent;

    /// <inheritdoc/>
    public override void Run(in ExecutionArguments arguments, byte* numbers, byte* scratch, int worker, int workers)
    {
        if (AllRows >= workers * 2 || run.Extent < PartAlignment * 2)
        {
            (long start, long end) = Parallel.Share(AllRows, worker, workers);
            RunRows(in arguments, numbers, start, end, 0, run.Extent);
            return;
        }

        (int from, int to) = PartOf(run.Extent, worker, workers);
        RunRows(in arguments, numbers, 0, AllRows, from, to);
    }

    /// <summary>The elements of each row that a worker computes, where there are fewer rows than workers.</summary>
    /// <param name="extent">Elements of a row.</param>
    /// <param name="worker">The worker.</param>
    /// <param name="workers">Number of workers.</param>
    public static (int From, int To) PartOf(int extent, int worker, int workers)
    {
        (long first, long last) = Parallel.Share(((extent - 1L) / PartAlignment) + 1, worker, workers);
        return ((int)Math.Min(first * PartAlignment, extent), (int)Math.Min(last * PartAlignment, extent));
    }

    // Elements [from, to) of rows [first, end).
    private void RunRows(in ExecutionArguments arguments, byte* numbers, long first, long end, int from, int to)
    {
        if (from >= to)
            return;
        Span<long> offsets = stackalloc long[Outer.Tensors];
        while (first < end)
        {
            (long iteration, long row) = Math.DivRem(first, rows.Extent);
            long count = Math.Min(rows.Extent - row, end - first);
            Outer.OffsetsOf(iteration, offsets);
            OuterLoops.Move(offsets, rows, (int)row);
            OuterLoops.Move(offsets, run, from);
            stage.Invoke(
                in arguments, numbers, (byte*)arguments[ArgumentSlot.Source] + offsets[1],
                (byte*)arguments[ArgumentSlot.Destination] + offsets[0], offsets, count, to - from);
            first += count;
        }
    }
}
