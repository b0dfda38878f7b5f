// The part of an element-wise computation that one nest of loops covers.
namespace Int8Runtime.X64;

/// <summary>A box of elements with the code that computes it. Tensors are numbered as in <see cref="RunStage"/>.</summary>
internal abstract unsafe class ElementwiseBox(long[] start, Loop[] outer)
{
    /// <summary>Names of the kernels.</summary>
    public abstract string Details { get; }

    /// <summary>The chain that every element passes.</summary>
    public abstract RunStage Stage { get; }

    /// <summary>Scratch bytes of each worker.</summary>
    public virtual int ScratchBytes => 0;

    /// <summary>Number of elements.</summary>
    public abstract long Elements { get; }

    /// <summary>Iterations of all outer loops together.</summary>
    protected int OuterCount { get; } = outer.Aggregate(1, (count, loop) => checked(count * loop.Extent));

    /// <summary>Number of tensors.</summary>
    protected int Tensors => start.Length;

    /// <summary>Computes a worker's share.</summary>
    /// <param name="arguments">Operands of the execution.</param>
    /// <param name="numbers">What <see cref="RunStage.WriteNumbers"/> wrote.</param>
    /// <param name="scratch"><see cref="ScratchBytes"/> bytes of the worker.</param>
    /// <param name="worker">The worker.</param>
    /// <param name="workers">Number of workers.</param>
    public abstract void Run(in ExecutionArguments arguments, byte* numbers, byte* scratch, int worker, int workers);

    /// <summary>Byte offset of the first element of an outer iteration in every tensor.</summary>
    protected void OffsetsOf(int iteration, Span<long> offsets)
    {
        start.CopyTo(offsets);
        for (int i = outer.Length - 1; i >= 0; i--)
        {
            (iteration, int digit) = Math.DivRem(iteration, outer[i].Extent);
            Move(offsets, outer[i], digit);
        }
    }

    /// <summary>Moves the offsets by iterations of a loop.</summary>
    protected static void Move(Span<long> offsets, Loop loop, int iterations)
    {
        for (int t = 0; t < offsets.Length; t++)
            offsets[t] += iterations * loop.Strides[t];
    }
}

/// <summary>A box whose innermost loop runs over consecutive elements of every tensor, or over single ones.</summary>
internal sealed unsafe class RunBox(long[] start, Loop[] outer, Loop rows, Loop run, RunStage stage) : ElementwiseBox(start, outer)
{
    // Parts of a split row start at multiples of this, so that threads do not share cache lines.
    private const int PartAlignment = 64;

    /// <inheritdoc/>
    public override string Details => stage.KernelName;

    /// <inheritdoc/>
    public override RunStage Stage => stage;

    /// <inheritdoc/>
    public override long Elements => (long)OuterCount * rows.Extent * run.Extent;

    /// <inheritdoc/>
    public override void Run(in ExecutionArguments arguments, byte* numbers, byte* scratch, int worker, int workers)
    {
        int allRows = OuterCount * rows.Extent;
        if (allRows >= workers * 2 || run.Extent < PartAlignment * 2)
        {
            (int start, int end) = Parallel.Share(allRows, worker, workers);
            RunRows(in arguments, numbers, start, end, 0, run.Extent);
            return;
        }

        int parts = (run.Extent + PartAlignment - 1) / PartAlignment;
        (int first, int last) = Parallel.Share(parts, worker, workers);
        RunRows(in arguments, numbers, 0, allRows, first * PartAlignment, Math.Min(last * PartAlignment, run.Extent));
    }

    // Elements [from, to) of rows [first, end), rows counted over all outer iterations.
    private void RunRows(in ExecutionArguments arguments, byte* numbers, int first, int end, int from, int to)
    {
        if (from >= to)
            return;
        Span<long> offsets = stackalloc long[Tensors];
        while (first < end)
        {
            (int iteration, int row) = Math.DivRem(first, rows.Extent);
            int count = Math.Min(rows.Extent - row, end - first);
            OffsetsOf(iteration, offsets);
            Move(offsets, rows, row);
            Move(offsets, run, from);
            stage.Invoke(
                in arguments, numbers, (byte*)arguments[ArgumentSlot.Source] + offsets[1],
                (byte*)arguments[ArgumentSlot.Destination] + offsets[0], offsets, count, to - from);
            first += count;
        }
    }
}
