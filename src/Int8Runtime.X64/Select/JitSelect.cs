// Selection between two tensors, by the run kernel.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Selection on any mixture of layouts, types, scales and broadcasts.</summary>
internal sealed class JitSelect(KernelCache cache, Isa tier) : VectorImplementation(cache, "jit_select", tier)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Select;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (SelectDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor source = Plain(descriptor.Source), source1 = Plain(descriptor.Source1), condition = Plain(descriptor.Condition);
        MemoryDescriptor? sameShape = source.Dimensions == descriptor.Destination.Dimensions ? source
            : source1.Dimensions == descriptor.Destination.Dimensions ? source1 : null;
        MemoryDescriptor destination = Like(descriptor.Destination, sameShape);
        descriptor = descriptor with { Source = source, Source1 = source1, Condition = condition, Destination = destination };
        if (RefuseTensors(source, source1, condition, destination) is { } tensors)
            return tensors;
        if (RefuseQuantization(attributes, source.DataType, destination.DataType) is { } quantization)
            return quantization;
        if (attributes.SourceScale is { IsRuntime: true } || attributes.SourceZeroPoint is { IsRuntime: true })
            return Refuse(RejectionReason.Quantization, "a scale or zero point of the source at execution");
        if (source1.DataType == DataType.Int32 && attributes.Source1ZeroPoint is { IsZero: false })
            return Refuse(RejectionReason.Quantization, "a zero point of an s32 source");

        Epilogue epilogue = Epilogue.CreateForValues(attributes, destination.DataType);
        ElementwiseSteps steps = new ElementwiseSteps().AddPostOps(epilogue, destination.Rank);
        return ElementwisePlan.TryCreate(isa, Cache, source, destination, steps.Steps, epilogue,
            new Selection(source1, condition, attributes)) is { } plan
            ? new ElementwisePrimitivePlan(Name, descriptor, plan, request.Threads)
            : Refuse(RejectionReason.Layout, $"{source}, {source1}, {condition} and {destination} are blocked differently");
    }
}
