// Executes a kernel that works on sets of elements.
using Int8Runtime.Diagnostics;
using Int8Runtime.Jit;
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

/// <summary>A primitive that computes statistics of sets.</summary>
internal sealed unsafe class SetPlan(
    string name, PrimitiveDescriptor descriptor, PrimitiveAttributes attributes, SetLoops loops, EpiloguePlan epilogue,
    CompiledKernel kernel) : PrimitivePlan
{
    private readonly bool _readsDestination = epilogue.Spec.ReadsDestination;

    /// <summary>Bytes read, by which work is shared.</summary>
    public required long Bytes { get; init; }

    /// <summary>Added to a variance or a norm.</summary>
    public float Epsilon { get; init; }

    /// <summary>How often the zero point is subtracted from the integer result of a set.</summary>
    public long ZeroPointCount { get; init; }

    /// <summary>Operands of post-ops: the place in the kernel's chain and in the attributes. Tensors 3 and up of the loops.</summary>
    public (int Place, int PostOp)[] Operands { get; init; } = [];

    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor => descriptor;

    /// <inheritdoc/>
    public override string Details => kernel.Name;

    /// <inheritdoc/>
    public override long SizeInBytes => 1024 + loops.SizeInBytes + epilogue.SizeInBytes;

    /// <inheritdoc/>
    public override long ScratchBytes => epilogue.ScratchBytes;

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        MemoryDescriptor destination = PrimitiveTensors.Destination(descriptor);
        DestinationPadding.Clear(destination, (byte*)context.Arguments[ArgumentSlot.Destination],
            _readsDestination || IsInPlace(in context.Arguments));
        epilogue.WriteNumbers(in context.Arguments, context.Scratch);
        var body = new Work(this, in context.Arguments, context.Scratch);
        Parallel.Run(context.Pool, WorkSharing.Threads(Bytes, context.Threads), ref body);
        GC.KeepAlive(this);
    }

    private void Run(in ExecutionArguments arguments, byte* numbers, int worker, int workers)
    {
        EpilogueArguments table = default;
        epilogue.PrepareNumbers(numbers, ref table);
        SetArguments call = default;
        loops.Prepare(ref call);
        call.Scale = RefEpilogue.SourceScale(attributes, in arguments);
        int zeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments);
        call.ZeroPoint = zeroPoint;
        call.IntegerZeroPoint = unchecked((int)(zeroPoint * ZeroPointCount));
        call.Epsilon = Epsilon;
        call.Epilogue = &table;
        Span<long> offsets = stackalloc long[loops.Tensors];
        (long start, long end) = Parallel.Share(loops.UnitCount, worker, workers);
        for (long i = start; i < end; i++)
        {
            call.Sets = loops.Unit(i, offsets);
            call.Source = (byte*)arguments[ArgumentSlot.Source] + offsets[0];
            call.Destination = (byte*)arguments[ArgumentSlot.Destination] + offsets[1];
            call.Factors = (byte*)arguments[ArgumentSlot.NormalizationScale] + offsets[2];
            call.Addends = (byte*)arguments[ArgumentSlot.NormalizationShift] + offsets[2];
            for (int operand = 0; operand < Operands.Length; operand++)
                table.Operands[Operands[operand].Place] =
                    (nint)((byte*)arguments.PostOpOperand(Operands[operand].PostOp) + offsets[3 + operand]);
            kernel.Entry(&call);
        }
    }

    private static bool IsInPlace(in ExecutionArguments arguments) =>
        arguments[ArgumentSlot.Source] == arguments[ArgumentSlot.Destination];

    private readonly ref struct Work(SetPlan plan, in ExecutionArguments arguments, byte* numbers) : IParallelBody
    {
        private readonly ref readonly ExecutionArguments _arguments = ref arguments;

        public void Run(int worker, int workers) => plan.Run(in _arguments, numbers, worker, workers);
    }
}
