// Everything that computes dst[i] from src[i] and operands at i: boxes of loops around the run kernel.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>One step between source and destination.</summary>
/// <param name="PostOp">What is done; for a binary function the operand's descriptor says how it is broadcast.</param>
/// <param name="Slot">For a binary function: the argument that holds the operand.</param>
/// <param name="Values">For a binary function whose operand belongs to the plan: the operand.</param>
/// <param name="Quantization">Scale and zero point of the operand, if it has them.</param>
internal sealed record ElementwiseStep(
    PostOp PostOp, ArgumentSlot Slot = default, AlignedFloats? Values = null, (float Scale, int ZeroPoint)? Quantization = null);

/// <summary>
/// The loops, kernels and operand addresses of an element-wise computation. Immutable; <see cref="Execute"/> may run on any
/// number of threads.
/// </summary>
internal sealed unsafe class ElementwisePlan
{
    // Below this a second thread costs more than it brings.
    private const long BytesPerThread = 64 << 10;

    // Parts of a split row start at multiples of this, so that threads do not share cache lines.
    private const int PartAlignment = 64;

    private readonly MemoryDescriptor _source, _destination;
    private readonly IReadOnlyList<ElementwiseStep> _steps;
    private readonly Box[] _boxes;
    private readonly bool _clearsPadding;

    private ElementwisePlan(
        MemoryDescriptor source, MemoryDescriptor destination, IReadOnlyList<ElementwiseStep> steps, Box[] boxes)
    {
        (_source, _destination, _steps, _boxes) = (source, destination, steps, boxes);
        _clearsPadding = destination.PaddedDimensions != destination.Dimensions
            && !steps.Any(step => step.PostOp is SumPostOp);
    }

    /// <summary>Names of the kernels.</summary>
    public string Details => string.Join(", ", _boxes.Select(box => box.Kernel.Name).Distinct());

    /// <summary>Bytes kept alive.</summary>
    public long SizeInBytes => 1024 + _boxes.Sum(box => box.Epilogue.SizeInBytes);

    /// <summary>Plans a computation; null if the layouts do not go together.</summary>
    /// <param name="isa">Instruction sets for the kernels.</param>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="source">The source; extents of 1 are broadcast.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="steps">What happens to the f32 value of a source element, in order.</param>
    /// <param name="epilogue">Output multiplier, bounds and zero point; its scale and post-ops are not used.</param>
    public static ElementwisePlan? TryCreate(
        Isa isa, KernelCache cache, MemoryDescriptor source, MemoryDescriptor destination,
        IReadOnlyList<ElementwiseStep> steps, Epilogue epilogue)
    {
        List<MemoryDescriptor> tensors = [destination, source];
        tensors.AddRange(steps.Where(IsTensor).Select(step => ((BinaryPostOp)step.PostOp).Operand));
        if (!tensors.TrueForAll(tensor => tensor.IsStrided) || LoopNest.TryCreate([.. tensors]) is not { } nests)
            return null;
        return new ElementwisePlan(source, destination, steps, [.. nests.Select(nest => BoxOf(nest, isa, cache, source, steps, epilogue))]);
    }

    /// <summary>Executes the computation.</summary>
    public void Execute(in ExecutionContext context)
    {
        ref readonly ExecutionArguments arguments = ref context.Arguments;
        var source = (byte*)arguments[ArgumentSlot.Source];
        var destination = (byte*)arguments[ArgumentSlot.Destination];
        if (_clearsPadding && source != destination)
            new Span<byte>(destination, checked((int)_destination.SizeInBytes)).Clear();
        foreach (Box box in _boxes)
        {
            long bytes = box.Elements * Math.Max(_destination.DataType.SizeInBytes(), _source.DataType.SizeInBytes());
            int threads = (int)Math.Clamp(bytes / BytesPerThread, 1, context.Threads);
            var body = new Work(this, box, in arguments);
            Parallel.Run(context.Pool, threads, ref body);
        }

        GC.KeepAlive(this);
    }

    // A constant operand is a number of the epilogue; everything else is a tensor whose pointer moves.
    private static bool IsTensor(ElementwiseStep step) =>
        step.PostOp is BinaryPostOp binary && (step.Values is null || binary.Operand.ElementCount > 1);

    private static Box BoxOf(
        LoopNest nest, Isa isa, KernelCache cache, MemoryDescriptor source, IReadOnlyList<ElementwiseStep> steps, Epilogue epilogue)
    {
        int tensors = nest.Start.Length;
        int[] sizes = [epilogue.DestinationType.SizeInBytes(), source.DataType.SizeInBytes(),
            .. steps.Where(IsTensor).Select(step => ((BinaryPostOp)step.PostOp).Operand.DataType.SizeInBytes())];
        List<Loop> loops = [.. nest.Loops];
        bool runs = loops.Count > 0 && loops[^1].Strides[0] == sizes[0]
            && Enumerable.Range(1, tensors - 1).All(t => loops[^1].Strides[t] == sizes[t] || loops[^1].Strides[t] == 0);
        if (!runs)
        {
            // Single elements: the longest loop becomes the kernel's.
            if (loops.Count > 1)
            {
                Loop longest = loops.MaxBy(loop => loop.Extent)!;
                loops.Remove(longest);
                loops.Add(longest);
            }

            loops.Add(Loop.Once(tensors));
        }

        Loop run = loops[^1];
        Loop rows = loops.Count > 1 ? loops[^2] : Loop.Once(tensors);
        OperandMode ModeOf(int tensor) => run.Strides[tensor] == 0 && runs ? OperandMode.PerTensor : OperandMode.PerChannel;
        var chain = new PlacedPostOp[steps.Count];
        var tensorOf = new int[steps.Count];
        for (int i = 0, tensor = 2; i < chain.Length; i++)
        {
            if (IsTensor(steps[i]))
            {
                tensorOf[i] = tensor;
                chain[i] = new PlacedPostOp(steps[i].PostOp, ModeOf(tensor++), Quantization: steps[i].Quantization);
            }
            else
            {
                chain[i] = steps[i].Values is { } value
                    ? new PlacedPostOp(steps[i].PostOp, OperandMode.Constant, value.Data[0])
                    : new PlacedPostOp(steps[i].PostOp);
            }
        }

        EpiloguePlan plan = EpiloguePlan.ForRuns(epilogue, chain);
        var spec = new RunSpec(source.DataType, ModeOf(1), !runs, plan.Spec);
        return new Box
        {
            Start = nest.Start,
            Outer = [.. loops.Take(Math.Max(0, loops.Count - 2))],
            Rows = rows,
            Run = run,
            TensorOfStep = tensorOf,
            Epilogue = plan,
            Kernel = new RunGenerator().GetOrCreate(cache, spec, isa),
            OperandStrides = PinnedStrides(tensorOf, rows),
        };
    }

    private static long[] PinnedStrides(int[] tensorOf, Loop rows)
    {
        long[] strides = GC.AllocateArray<long>(EpilogueArguments.MaximumOperands, pinned: true);
        for (int i = 0; i < tensorOf.Length; i++)
            strides[i] = tensorOf[i] == 0 ? 0 : rows.Strides[tensorOf[i]];
        return strides;
    }

    // One box of loops with its kernel.
    private sealed class Box
    {
        public required long[] Start { get; init; }

        public required Loop[] Outer { get; init; }

        public required Loop Rows { get; init; }

        public required Loop Run { get; init; }

        public required int[] TensorOfStep { get; init; } // 0 where the step has no tensor

        public required EpiloguePlan Epilogue { get; init; }

        public required CompiledKernel Kernel { get; init; }

        public required long[] OperandStrides { get; init; }

        public int OuterCount
        {
            get
            {
                int count = 1;
                foreach (Loop loop in Outer)
                    count *= loop.Extent;
                return count;
            }
        }

        public long Elements => (long)OuterCount * Rows.Extent * Run.Extent;

        // Bytes from a tensor's first element to the start of an outer iteration.
        public long OffsetOf(int tensor, int outer)
        {
            long offset = Start[tensor];
            for (int i = Outer.Length - 1; i >= 0; i--)
            {
                (outer, int digit) = Math.DivRem(outer, Outer[i].Extent);
                offset += digit * Outer[i].Strides[tensor];
            }

            return offset;
        }
    }

    // The rows of a box, or the parts of its rows where they are few, shared among workers.
    private readonly ref struct Work(ElementwisePlan plan, Box box, in ExecutionArguments arguments) : IParallelBody
    {
        private readonly ref readonly ExecutionArguments _arguments = ref arguments;

        public void Run(int worker, int workers)
        {
            int rows = box.OuterCount * box.Rows.Extent;
            if (rows >= workers * 2 || box.Run.Extent < PartAlignment * 2)
            {
                (int start, int end) = Parallel.Share(rows, worker, workers);
                RunRows(start, end, 0, box.Run.Extent);
                return;
            }

            int parts = (box.Run.Extent + PartAlignment - 1) / PartAlignment;
            (int first, int last) = Parallel.Share(parts, worker, workers);
            RunRows(0, rows, first * PartAlignment, Math.Min(last * PartAlignment, box.Run.Extent));
        }

        // Elements [from, to) of rows [start, end).
        private void RunRows(int start, int end, int from, int to)
        {
            if (from >= to)
                return;
            box.Epilogue.Prepare(in _arguments, plan._destination, out EpilogueArguments table);
            RunArguments call = default;
            call.Count = to - from;
            call.SourceStride = box.Rows.Strides[1];
            call.DestinationStride = box.Rows.Strides[0];
            call.Epilogue = &table;
            fixed (long* strides = box.OperandStrides)
            {
                call.OperandStrides = strides;
                while (start < end)
                {
                    (int outer, int row) = Math.DivRem(start, box.Rows.Extent);
                    call.Rows = Math.Min(box.Rows.Extent - row, end - start);
                    call.Source = At((byte*)_arguments[ArgumentSlot.Source], 1, outer, row, from);
                    call.Destination = At((byte*)_arguments[ArgumentSlot.Destination], 0, outer, row, from);
                    for (int i = 0; i < box.TensorOfStep.Length; i++)
                    {
                        if (box.TensorOfStep[i] == 0)
                            continue;
                        ElementwiseStep step = plan._steps[i];
                        byte* operand = step.Values is { } values ? (byte*)values.Data : (byte*)_arguments[step.Slot];
                        table.Operands[i] = (nint)At(operand, box.TensorOfStep[i], outer, row, from);
                    }

                    box.Kernel.Entry(&call);
                    start += (int)call.Rows;
                }
            }
        }

        private byte* At(byte* origin, int tensor, int outer, int row, int element) =>
            origin + box.OffsetOf(tensor, outer) + (row * box.Rows.Strides[tensor]) + (element * box.Run.Strides[tensor]);
    }
}
