// Selection between two tensors, by the run kernel.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Selection on any mixture of layouts, types and broadcasts; sources that are dequantized have one scale and zero point.</summary>
internal sealed class JitSelect(KernelCache cache, bool needsAvx512) : VectorImplementation(cache, "jit_select", needsAvx512)
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
        bool agree = (attributes.SourceScale?.At(0) ?? 1f) == (attributes.Source1Scale?.At(0) ?? 1f)
            && (attributes.SourceZeroPoint?.At(0) ?? 0) == (attributes.Source1ZeroPoint?.At(0) ?? 0);
        if (!agree)
            return Refuse(RejectionReason.Quantization, "sources with different scales or zero points");

        Epilogue epilogue = Epilogue.CreateForValues(attributes, destination.DataType);
        ElementwiseSteps steps = new ElementwiseSteps()
            .AddDequantization(attributes.SourceScale, attributes.SourceZeroPoint, source.Rank, 0)
            .AddPostOps(epilogue, destination.Rank);
        return ElementwisePlan.TryCreate(isa, Cache, source, destination, steps.Steps, epilogue, new Selection(source1, condition)) is { } plan
            ? new ElementwisePrimitivePlan(Name, descriptor, plan, request.Threads)
            : Refuse(RejectionReason.Layout, $"{source}, {source1}, {condition} and {destination} are blocked differently");
    }
}
