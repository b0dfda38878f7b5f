// LRN across channels, for tensors whose channels or whose pixels are consecutive; blocked tensors and operands of post-ops by way of
// an f32 tensor with channels last.
using System.Runtime.InteropServices;
using Int8Runtime.Jit;
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

/// <summary>LRN by sums over squares in scratch memory; nhwc and nchw alike.</summary>
internal sealed unsafe class JitLrn(KernelCache cache, Isa tier) : VectorImplementation(cache, "jit_lrn", tier)
{
    // The window is unrolled in the kernel.
    private const int LargestWindow = 64;

    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Lrn;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (LrnDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor source = Plain(descriptor.Source), destination = Like(descriptor.Destination, source);
        descriptor = descriptor with { Source = source, Destination = destination };
        if ((RefuseTensors(source, destination) ?? RefuseQuantization(attributes)) is { } refused)
            return refused;
        if (descriptor.Algorithm != LrnAlgorithm.AcrossChannels)
            return Refuse(RejectionReason.Algorithm, "windows within a channel");
        if (descriptor.LocalSize > LargestWindow)
            return Refuse(RejectionReason.Shape, $"a window of {descriptor.LocalSize} channels; at most {LargestWindow}");
        if (EpiloguePlan.TryForValues(Epilogue.CreateForValues(attributes, destination.DataType)) is not { } epilogue
            || !source.InnerBlocks.IsEmpty || !destination.InnerBlocks.IsEmpty)
            return PlanStaged(descriptor, request, isa);
        bool channelsInLanes = source.Strides[1] == 1 && destination.Strides[1] == 1;
        int lanes = IsaTraits.For(isa).Lanes32;
        RowLoops rows = RowLoops.TryCreate(
            source, destination, axis: 1, channelsInLanes ? RowUnit.Single : RowUnit.Consecutive, lanes)!;
        bool quantized = attributes.SourceScale is not null || attributes.SourceZeroPoint is not null;
        var spec = new LrnSpec(source.DataType, channelsInLanes, descriptor.LocalSize, descriptor.Beta, quantized, epilogue.Spec);
        return new Plan(
            Name, descriptor, attributes, rows, spec, epilogue, new LrnGenerator().GetOrCreate(Cache, spec, isa),
            lanes, request.Threads);
    }

    private PlanResult PlanStaged(LrnDescriptor descriptor, PlanRequest request, Isa isa)
    {
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        var values = new MemoryDescriptor(source.Dimensions, DataType.Float32, FormatTag.ChannelsLast(source.Rank));
        LrnDescriptor plain = descriptor with { Source = values, Destination = values };
        PlanResult middle = TryPlan(request with { Descriptor = plain, Attributes = PrimitiveAttributes.Default }, isa);
        Epilogue epilogue = Epilogue.CreateForValues(attributes, destination.DataType);
        Epilogue none = Epilogue.CreateForValues(PrimitiveAttributes.Default, DataType.Float32);
        IReadOnlyList<ElementwiseStep> before =
            new ElementwiseSteps().AddDequantization(attributes.SourceScale, attributes.SourceZeroPoint, source.Rank, 0).Steps;
        IReadOnlyList<ElementwiseStep> behind = new ElementwiseSteps().AddPostOps(epilogue, source.Rank).Steps;
        return ElementwisePlan.TryCreate(isa, Cache, source, values, before, none) is { } first
            && ElementwisePlan.TryCreate(isa, Cache, values, destination, behind, epilogue) is { } last
            ? new StagedPlan(Name, descriptor, values.SizeInBytes, first, middle.Plan, last, request.Threads)
            : Refuse(RejectionReason.Layout, $"{source} and {destination} are blocked differently");
    }

    private sealed class Plan(
        string name, LrnDescriptor descriptor, PrimitiveAttributes attributes, RowLoops rows, LrnSpec spec,
        EpiloguePlan epilogue, CompiledKernel kernel, int lanes, int threads) : PrimitivePlan
    {
        private readonly long _squareBytes = ScratchLayout.RoundUp((spec.ChannelsInLanes
            ? descriptor.LocalSize + (long)descriptor.Source.Dimensions[1] + (2 * lanes)
            : (descriptor.LocalSize + (long)descriptor.Source.Dimensions[1]) * lanes) * sizeof(float));

        public override string Name => name;

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override string Details => kernel.Name;

        private long NumberBytes => epilogue.ScratchBytes;

        public override long ScratchBytes => epilogue.ScratchBytes + (_squareBytes * threads);

        public override void Execute(in ExecutionContext context)
        {
            epilogue.WriteNumbers(in context.Arguments, context.Scratch);
            var body = new Work(this, in context.Arguments, context.Scratch);
            Parallel.Run(
                context.Pool, WorkSharing.Threads(descriptor.Source.ElementCount * sizeof(float), context.Threads), ref body);
            GC.KeepAlive(this);
        }

        private void Run(in ExecutionArguments arguments, byte* numbers, byte* squares, int worker, int workers)
        {
            MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
            int sourceBytes = source.DataType.SizeInBytes(), bytes = destination.DataType.SizeInBytes();
            NativeMemory.Clear(squares, (nuint)_squareBytes);
            EpilogueArguments table = default;
            epilogue.PrepareNumbers(numbers, ref table);
            var call = new LrnArguments
            {
                Squares = squares,
                Channels = source.Dimensions[1],
                SourceStride = source.Strides[1] * sourceBytes,
                DestinationStride = destination.Strides[1] * bytes,
                Epilogue = &table,
                Scale = RefEpilogue.SourceScale(attributes, in arguments),
                ZeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments),
                Factor = descriptor.Alpha / descriptor.LocalSize,
                K = descriptor.K,
            };
            (long start, long end) = Parallel.Share(rows.UnitCount, worker, workers);
            for (long i = start; i < end; i++)
            {
                (long to, long from, int pixels) = rows.Unit(i);
                call.Pixels = pixels;
                call.Source = (byte*)arguments[ArgumentSlot.Source] + from;
                call.Destination = (byte*)arguments[ArgumentSlot.Destination] + to;
                kernel.Entry(&call);
            }
        }

        private readonly ref struct Work(Plan plan, in ExecutionArguments arguments, byte* numbers) : IParallelBody
        {
            private readonly ref readonly ExecutionArguments _arguments = ref arguments;

            public void Run(int worker, int workers) =>
                plan.Run(
                in _arguments, numbers, numbers + plan.NumberBytes + (worker * plan._squareBytes), worker, workers);
        }
    }
}
