// Softmax and log-softmax along any axis of unblocked tensors.
using Int8Runtime.Jit;
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

/// <summary>Softmax: lanes along the axis where that is consecutive, else across neighbouring rows.</summary>
internal sealed unsafe class JitSoftmax(KernelCache cache, bool needsAvx512)
    : VectorImplementation(cache, "jit_softmax", needsAvx512)
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
        if (RefuseTensors(source, destination) is { } tensors)
            return tensors;
        if (RefuseQuantization(attributes, source.DataType, destination.DataType) is { } quantization)
            return quantization;
        if (EpiloguePlan.TryForValues(Epilogue.CreateForValues(attributes, destination.DataType)) is not { } epilogue)
            return Refuse(RejectionReason.PostOps, "a post-op with an operand");
        int axis = descriptor.Axis;
        bool across = source.Strides[axis] == 1 && destination.Strides[axis] == 1;
        if (RowLoops.TryCreate(source, destination, axis, sideBySide: !across) is not { } rows)
            return Refuse(RejectionReason.Layout, $"{source} or {destination} is blocked");
        bool quantized = attributes.SourceScale is not null || attributes.SourceZeroPoint is not null;
        var spec = new SoftmaxSpec(source.DataType, across, descriptor.Logarithm, quantized, epilogue.Spec);
        return new Plan(Name, descriptor, attributes, rows, across, epilogue, new SoftmaxGenerator().GetOrCreate(Cache, spec, isa));
    }

    private sealed class Plan(
        string name, SoftmaxDescriptor descriptor, PrimitiveAttributes attributes, RowLoops rows, bool across,
        EpiloguePlan epilogue, CompiledKernel kernel) : PrimitivePlan
    {
        // Neighbouring rows are shared in stretches of this many.
        private const int Stretch = 64;

        public override string Name => name;

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override string Details => kernel.Name;

        public override void Execute(in ExecutionContext context)
        {
            var body = new Work(this, in context.Arguments);
            Parallel.Run(
                context.Pool, WorkSharing.Threads(descriptor.Source.ElementCount * sizeof(float), context.Threads), ref body);
            GC.KeepAlive(this);
        }

        private void Run(in ExecutionArguments arguments, int worker, int workers)
        {
            MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
            int axis = descriptor.Axis, sourceBytes = source.DataType.SizeInBytes(), bytes = destination.DataType.SizeInBytes();
            EpilogueArguments table = default;
            epilogue.PrepareConstants(ref table);
            var call = new SoftmaxArguments
            {
                Count = source.Dimensions[axis],
                SourceStride = source.Strides[axis] * sourceBytes,
                DestinationStride = destination.Strides[axis] * bytes,
                Epilogue = &table,
                Scale = RefEpilogue.SourceScale(attributes, in arguments),
                ZeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments),
            };
            int stretches = across ? 1 : (rows.Neighbours + Stretch - 1) / Stretch;
            (int start, int end) = Parallel.Share(rows.OuterCount * stretches, worker, workers);
            for (int i = start; i < end; i++)
            {
                (int iteration, int stretch) = Math.DivRem(i, stretches);
                (long to, long from) = rows.OffsetsOf(iteration);
                int first = stretch * Stretch;
                call.Rows = Math.Min(Stretch, rows.Neighbours - first);
                call.Source = (byte*)arguments[ArgumentSlot.Source] + from + (first * sourceBytes);
                call.Destination = (byte*)arguments[ArgumentSlot.Destination] + to + (first * bytes);
                kernel.Entry(&call);
            }
        }

        private readonly ref struct Work(Plan plan, in ExecutionArguments arguments) : IParallelBody
        {
            private readonly ref readonly ExecutionArguments _arguments = ref arguments;

            public void Run(int worker, int workers) => plan.Run(in _arguments, worker, workers);
        }
    }
}
