// Everything that computes dst[i] from src[i] and operands at i: boxes of loops around the run kernel.
using Int8Runtime.Jit;
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

/// <summary>
/// The loops, kernels and operand addresses of an element-wise computation. Immutable; <see cref="Execute"/> may run on any
/// number of threads.
/// </summary>
internal sealed unsafe class ElementwisePlan
{
    private readonly MemoryDescriptor _source, _destination;
    private readonly ElementwiseBox[] _boxes;
    private readonly bool _reads, _hasPadding;
    private readonly ArgumentSlot[] _operands; // what is read beside the source
    private readonly int _scratchBytes;
    private readonly long _numberBytes; // of numbers given at execution, before the workers' scratch

    private ElementwisePlan(
        MemoryDescriptor source, MemoryDescriptor destination, bool reads, ArgumentSlot[] operands, ElementwiseBox[] boxes)
    {
        (_source, _destination, _operands, _boxes) = (source, destination, operands, boxes);
        (_reads, _hasPadding) = (reads, destination.PaddedDimensions != destination.Dimensions);
        _scratchBytes = boxes.Max(box => box.ScratchBytes);
        _numberBytes = boxes.Max(box => box.Stage.NumberBytes);
    }

    /// <summary>Names of the kernels.</summary>
    public string Details => string.Join(", ", _boxes.Select(box => box.Details).Distinct());

    /// <summary>Bytes kept alive.</summary>
    public long SizeInBytes => 1024 + _boxes.Sum(box => box.Stage.SizeInBytes);

    /// <summary>Scratch bytes of an execution with <paramref name="threads"/> threads.</summary>
    public long ScratchBytes(int threads) => _numberBytes + ((long)_scratchBytes * threads);

    /// <summary>Plans a computation; null if the layouts do not go together.</summary>
    /// <param name="isa">Instruction sets for the kernels.</param>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="source">The source; extents of 1 are broadcast.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="steps">What happens to the f32 value of a source element, in order.</param>
    /// <param name="epilogue">Output multiplier, bounds and zero point; its scale and post-ops are not used.</param>
    /// <param name="selection">What replaces elements of the source before the first step; null for nothing.</param>
    public static ElementwisePlan? TryCreate(
        Isa isa, KernelCache cache, MemoryDescriptor source, MemoryDescriptor destination,
        IReadOnlyList<ElementwiseStep> steps, Epilogue epilogue, Selection? selection = null)
    {
        bool reads = steps.Any(step => step.PostOp is SumPostOp);
        MemoryDescriptor[] tensors =
        [
            destination, source, .. steps.Select(step => step.Tensor).OfType<MemoryDescriptor>(),
            .. selection?.Tensors ?? [],
        ];
        if (!Array.TrueForAll(tensors, tensor => tensor.IsStrided) || LoopNest.TryCreate(tensors) is not { } nests)
            return null;
        int[] sizes = RunStage.ElementSizes(destination.DataType, source.DataType, steps, selection);
        var operands = new List<ArgumentSlot>();
        foreach (ElementwiseStep step in steps)
            if (step is { Tensor: not null, Values: null })
                operands.Add(step.Slot);
        return new ElementwisePlan(source, destination, reads, [.. operands, .. selection?.Slots ?? []],
            [.. nests.Select(nest => BoxOf(nest, isa, cache, source.DataType, steps, epilogue, sizes, selection))]);
    }

    /// <summary>Executes the computation.</summary>
    /// <param name="context">The execution.</param>
    /// <param name="slot">The argument that is the source.</param>
    public void Execute(in ExecutionContext context, ArgumentSlot slot = ArgumentSlot.Source)
    {
        if (slot == ArgumentSlot.Source)
        {
            Run(in context);
            return;
        }

        ExecutionArguments arguments = context.Arguments;
        arguments[ArgumentSlot.Source] = arguments[slot];
        Run(new ExecutionContext(in arguments, context.Pool, context.Threads, context.Scratch));
    }

    private void Run(in ExecutionContext context)
    {
        ref readonly ExecutionArguments arguments = ref context.Arguments;
        if (_hasPadding && !IsInPlace(in arguments))
            DestinationPadding.Clear(_destination, (byte*)arguments[ArgumentSlot.Destination], keepsElements: _reads);
        int size = Math.Max(_destination.DataType.SizeInBytes(), _source.DataType.SizeInBytes());
        foreach (ElementwiseBox box in _boxes)
        {
            box.Stage.WriteNumbers(in arguments, context.Scratch);
            var body = new Work(box, in arguments, context.Scratch, context.Scratch + _numberBytes);
            Parallel.Run(context.Pool, WorkSharing.Threads(box.Elements * size, context.Threads), ref body);
        }
    }

    // Whether a tensor that is read lies in the memory of the destination, so that its excess is zero already.
    private bool IsInPlace(in ExecutionArguments arguments)
    {
        void* destination = arguments[ArgumentSlot.Destination];
        bool inPlace = arguments[ArgumentSlot.Source] == destination;
        foreach (ArgumentSlot slot in _operands)
            inPlace |= arguments[slot] == destination;
        return inPlace;
    }

    private static ElementwiseBox BoxOf(
        LoopNest nest, Isa isa, KernelCache cache, DataType source, IReadOnlyList<ElementwiseStep> steps, Epilogue epilogue,
        int[] sizes, Selection? selection)
    {
        List<Loop> loops = [.. nest.Loops];
        if (loops.Count > 0 && RunStage.IsRun(loops[^1], sizes))
        {
            Loop run = loops[^1];
            loops.Remove(run);
            Loop rows = Loop.InnermostOf(loops, sizes.Length);
            loops.Remove(rows);
            RunStage stage = RunStage.Create(isa, cache, source, steps, epilogue, rows, run, selection);
            return new RunBox(new OuterLoops(nest.Start, [.. loops]), rows, run, stage);
        }

        if (selection is null && !steps.Any(step => step.PostOp is SumPostOp)
            && TransposingBox.TryCreate(nest, isa, cache, source, steps, epilogue, sizes) is { } transposing)
            return transposing;

        Loop inner = Loop.InnermostOf(loops, sizes.Length);
        loops.Remove(inner);
        return new RunBox(
            new OuterLoops(nest.Start, [.. loops]), inner, Loop.Once(sizes.Length),
            RunStage.Create(isa, cache, source, steps, epilogue, inner, null, selection));
    }

    private readonly ref struct Work(ElementwiseBox box, in ExecutionArguments arguments, byte* numbers, byte* scratch) : IParallelBody
    {
        private readonly ref readonly ExecutionArguments _arguments = ref arguments;

        public void Run(int worker, int workers) =>
            box.Run(in _arguments, numbers, scratch + (worker * box.ScratchBytes), worker, workers);
    }
}
