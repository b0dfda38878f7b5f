// Reorder: packing, copies of bits, and conversions with quantization, between any two layouts.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Reorder by whichever suits: the layout's own packer, copies and transposes of bits, or the element-wise plan with
/// <c>sat(rne(scale·(src − zp) / scale_dst) + zp_dst)</c>; the division is one, as in the reference.
/// </summary>
internal sealed unsafe class JitReorder(KernelCache cache, Isa tier)
    : VectorImplementation(cache, "jit_reorder", tier)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Reorder;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (ReorderDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        if (descriptor.HasCompensations)
            return Refuse(RejectionReason.Layout, "compensations beside the weights");
        bool converts = Converts(descriptor, attributes);
        if (destination.Packed is not null)
        {
            return converts
                ? Refuse(RejectionReason.Quantization, "packing converts nothing; quantize the weights first")
                : new PackPlan($"{Name}:pack", descriptor);
        }

        if (RefuseTensors(source, destination) is { } tensors)
            return tensors;
        if (!converts)
        {
            return CopyPlan.TryCreate(isa, Cache, source, destination) is { } copy
                ? new CopyPrimitivePlan($"{Name}:copy", descriptor, copy)
                : Refuse(RejectionReason.Layout, $"{source} and {destination} are blocked differently");
        }

        ElementwiseSteps steps = StepsOf(descriptor, attributes, out Epilogue epilogue);
        return ElementwisePlan.TryCreate(isa, Cache, source, destination, steps.Steps, epilogue) is { } plan
            ? new ElementwisePrimitivePlan(Name, descriptor, plan, request.Threads)
            : Refuse(RejectionReason.Layout, $"{source} and {destination} are blocked differently");
    }

    private static bool Converts(ReorderDescriptor descriptor, PrimitiveAttributes attributes) =>
        descriptor.Source.DataType != descriptor.Destination.DataType
        || attributes.SourceScale is not null || attributes.DestinationScale is not null
        || attributes.SourceZeroPoint is { IsZero: false } || attributes.DestinationZeroPoint is { IsZero: false }
        || attributes.PostOps.Count > 0;

    // Zero points per channel of 8-bit destinations are added in f32 after rounding; sums below 2²⁴ are exact and larger ones
    // saturate.
    private static ElementwiseSteps StepsOf(ReorderDescriptor descriptor, PrimitiveAttributes attributes, out Epilogue epilogue)
    {
        int rank = descriptor.Source.Rank;
        Shape channels = descriptor.ChannelShape;
        DataType type = descriptor.Destination.DataType;
        var steps = new ElementwiseSteps().AddDequantization(attributes.SourceScale, attributes.SourceZeroPoint, channels);
        foreach (PostOp postOp in attributes.PostOps)
            steps.Add(postOp);
        if (attributes.DestinationScale is { IsRuntime: true })
            steps.Add(BinaryAlgorithm.Divide, ElementwiseSteps.Single(rank, DataType.Float32), ArgumentSlot.DestinationScale);
        else if (attributes.DestinationScale is { } scale && scale.Values.ContainsAnyExcept(1f))
            steps.Add(BinaryAlgorithm.Divide, scale.Values, channels);

        ZeroPoint? zeroPoint = type.IsFloatingPoint() ? null : attributes.DestinationZeroPoint;
        if (zeroPoint is { Values.Length: 1 })
            zeroPoint = zeroPoint.Values[0];
        if (zeroPoint is { Granularity: QuantizationGranularity.PerChannel, IsZero: false } && type == DataType.Int32)
        {
            steps.AddInt32ZeroPoints(zeroPoint, channels);
            zeroPoint = null;
        }
        else if (zeroPoint is { Granularity: QuantizationGranularity.PerChannel, IsZero: false })
        {
            steps.Add(PostOp.Eltwise(EltwiseAlgorithm.Round));
            steps.Add(BinaryAlgorithm.Add, ElementwiseSteps.ToFloats(zeroPoint), channels);
            zeroPoint = null;
        }

        epilogue = Epilogue.CreateForValues(new PrimitiveAttributes { DestinationZeroPoint = zeroPoint }, type);
        return steps;
    }

    private sealed class PackPlan(string name, ReorderDescriptor descriptor) : PrimitivePlan
    {
        public override string Name => name;

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override void Execute(in ExecutionContext context) => descriptor.Destination.Packed!.Pack(
            descriptor.Source, context.Arguments[ArgumentSlot.Source], context.Arguments[ArgumentSlot.Destination]);
    }

    private sealed class CopyPrimitivePlan(string name, ReorderDescriptor descriptor, CopyPlan copy) : PrimitivePlan
    {
        public override string Name => name;

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override string Details => copy.Details;

        public override void Execute(in ExecutionContext context)
        {
            var destination = (byte*)context.Arguments[ArgumentSlot.Destination];
            copy.ClearPadding(destination);
            copy.Execute(in context, (byte*)context.Arguments[ArgumentSlot.Source], destination);
        }
    }
}
