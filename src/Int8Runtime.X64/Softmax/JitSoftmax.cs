// Softmax and log-softmax along any axis of unblocked tensors.
using Int8Runtime.Jit;
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

/// <summary>Softmax: lanes along the axis where that is consecutive, else, or where it is short, across neighbouring rows.</summary>
internal sealed unsafe class JitSoftmax(KernelCache cache, Isa tier)
    : VectorImplementation(cache, "jit_softmax", tier)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Softmax;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (SoftmaxDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor source = Plain(descriptor.Source), destination = Like(descriptor.Destination, source);
        descriptor = descriptor with { Source = source, Destination = destination };
        if ((RefuseTensors(source, destination) ?? RefuseQuantization(attributes)) is { } refused)
            return refused;
        Epilogue arithmetic = Epilogue.CreateForValues(attributes, destination.DataType);
        if (EpiloguePlan.TryForValues(arithmetic) is not { } epilogue)
            return TryPlanTwoPasses(request, isa, descriptor, arithmetic);
        int axis = descriptor.Axis;
        bool across = source.Strides[axis] == 1 && destination.Strides[axis] == 1;
        bool transposes = across && source.Dimensions[axis] is > 1 and <= ShortRows.Longest && !epilogue.Spec.ReadsDestination;
        RowUnit unit = transposes ? RowUnit.Neighbours : across ? RowUnit.Single : RowUnit.Consecutive;
        if (RowLoops.TryCreate(source, destination, axis, unit, ShortRows.Block) is not { } rows)
            return Refuse(RejectionReason.Layout, $"{source} or {destination} is blocked");
        bool quantized = attributes.SourceScale is not null || attributes.SourceZeroPoint is not null;
        var spec = new SoftmaxSpec(source.DataType, across && !transposes, descriptor.Logarithm, quantized, epilogue.Spec);
        return new Plan(Name, descriptor, attributes, rows, epilogue, new SoftmaxGenerator().GetOrCreate(Cache, spec, isa))
        {
            ShortRows = transposes ? new ShortRows(isa, Cache, source, destination, source.Dimensions[axis], rows) : null,
            Threads = request.Threads,
        };
    }

    // Operands of post-ops lie anywhere: the values are stored as f32 and pass the epilogue in a pass of their own.
    private PlanResult TryPlanTwoPasses(PlanRequest request, Isa isa, SoftmaxDescriptor descriptor, Epilogue epilogue)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        MemoryDescriptor values = source.IsDense
            ? source.WithDataType(DataType.Float32)
            : new MemoryDescriptor(source.Dimensions, DataType.Float32);
        PrimitiveAttributes attributes = request.Attributes with
        {
            PostOps = PostOpChain.Empty, DestinationScale = null, DestinationZeroPoint = null,
        };
        PlanResult softmax = TryPlan(request with { Descriptor = descriptor with { Destination = values }, Attributes = attributes }, isa);
        if (softmax.Plan is null)
            return softmax;
        ElementwiseSteps steps = new ElementwiseSteps().AddPostOps(epilogue, destination.Rank);
        return ElementwisePlan.TryCreate(isa, Cache, values, destination, steps.Steps, epilogue) is { } postOps
            ? new TwoPassPlan(Name, descriptor, softmax.Plan, values, postOps, request.Threads)
            : Refuse(RejectionReason.Layout, $"{destination} and operands of post-ops are blocked differently");
    }

    // Scratch: [the values as f32][scratch of either pass].
    private sealed class TwoPassPlan(
        string name, SoftmaxDescriptor descriptor, PrimitivePlan softmax, MemoryDescriptor values, ElementwisePlan postOps, int threads)
        : PrimitivePlan
    {
        public override string Name => name;

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override string Details => $"{softmax.Details}, {postOps.Details}";

        public override long SizeInBytes => softmax.SizeInBytes + postOps.SizeInBytes;

        public override long ScratchBytes => ValueBytes + Math.Max(softmax.ScratchBytes, postOps.ScratchBytes(threads));

        private long ValueBytes => ScratchLayout.RoundUp(values.SizeInBytes);

        public override void Execute(in ExecutionContext context)
        {
            byte* scratch = context.Scratch + ValueBytes;
            ExecutionArguments arguments = context.Arguments;
            arguments[ArgumentSlot.Destination] = context.Scratch;
            softmax.Execute(new ExecutionContext(in arguments, context.Pool, context.Threads, scratch));
            arguments = context.Arguments;
            arguments[ArgumentSlot.Source] = context.Scratch;
            postOps.Execute(new ExecutionContext(in arguments, context.Pool, context.Threads, scratch), ArgumentSlot.Source);
        }
    }

    private sealed class Plan(
        string name, SoftmaxDescriptor descriptor, PrimitiveAttributes attributes, RowLoops rows,
        EpiloguePlan epilogue, CompiledKernel kernel) : PrimitivePlan
    {
        public override string Name => name;

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override string Details => ShortRows is null ? kernel.Name : $"{kernel.Name}, {ShortRows.Details}";

        public override long ScratchBytes => epilogue.ScratchBytes + (Threads * RowBytes);

        public required ShortRows? ShortRows { get; init; }

        public required int Threads { get; init; }

        private long RowBytes => ShortRows?.ScratchBytes ?? 0;

        public override void Execute(in ExecutionContext context)
        {
            epilogue.WriteNumbers(in context.Arguments, context.Scratch);
            var body = new Work(this, in context.Arguments, context.Scratch);
            Parallel.Run(
                context.Pool, WorkSharing.Threads(descriptor.Source.ElementCount * sizeof(float), context.Threads), ref body);
            GC.KeepAlive(this);
        }

        private void Run(in ExecutionArguments arguments, byte* numbers, int worker, int workers)
        {
            MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
            int axis = descriptor.Axis, sourceBytes = source.DataType.SizeInBytes(), bytes = destination.DataType.SizeInBytes();
            EpilogueArguments table = default;
            epilogue.PrepareNumbers(numbers, ref table);
            var call = new SoftmaxArguments
            {
                Count = source.Dimensions[axis],
                SourceStride = source.Strides[axis] * sourceBytes,
                DestinationStride = destination.Strides[axis] * bytes,
                Epilogue = &table,
                Scale = RefEpilogue.SourceScale(attributes, in arguments),
                ZeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments),
            };
            (long start, long end) = Parallel.Share(rows.UnitCount, worker, workers);
            for (long i = start; i < end; i++)
            {
                (long to, long from, int count) = rows.Unit(i);
                byte* first = (byte*)arguments[ArgumentSlot.Source] + from, result = (byte*)arguments[ArgumentSlot.Destination] + to;
                if (ShortRows is not null)
                {
                    ShortRows.Run(kernel, ref call, first, result, count, numbers + epilogue.ScratchBytes + (worker * RowBytes));
                    continue;
                }

                call.Source = first;
                call.Destination = result;
                call.Rows = count;
                kernel.Entry(&call);
            }
        }

        private readonly ref struct Work(Plan plan, in ExecutionArguments arguments, byte* numbers) : IParallelBody
        {
            private readonly ref readonly ExecutionArguments _arguments = ref arguments;

            public void Run(int worker, int workers) => plan.Run(in _arguments, numbers, worker, workers);
        }
    }
}
