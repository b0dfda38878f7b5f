// Binary element-wise functions with broadcast, by the run kernel.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Binary on any mixture of layouts, types and broadcasts: the second source is the operand of the first step.</summary>
internal sealed class JitBinary(KernelCache cache, Isa tier)
    : VectorImplementation(cache, "jit_binary", tier)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Binary;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (BinaryDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor source = Plain(descriptor.Source), source1 = Plain(descriptor.Source1);
        MemoryDescriptor? sameShape = source.Dimensions == descriptor.Destination.Dimensions ? source
            : source1.Dimensions == descriptor.Destination.Dimensions ? source1 : null;
        MemoryDescriptor destination = Like(descriptor.Destination, sameShape);
        descriptor = descriptor with { Source = source, Source1 = source1, Destination = destination };
        if ((RefuseTensors(source, source1, destination) ?? RefuseQuantization(attributes)) is { } refused)
            return refused;

        Epilogue epilogue = Epilogue.CreateForValues(attributes, destination.DataType);
        ElementwiseSteps steps = new ElementwiseSteps()
            .AddDequantization(attributes.SourceScale, attributes.SourceZeroPoint, source.Rank, 0)
            .Add(descriptor.Algorithm, source1, ArgumentSlot.Source1, OperandQuantization.OfSource1(attributes))
            .AddPostOps(epilogue, destination.Rank);
        return ElementwisePlan.TryCreate(isa, Cache, source, destination, steps.Steps, epilogue) is { } plan
            ? new ElementwisePrimitivePlan(Name, descriptor, plan, request.Threads)
            : Refuse(RejectionReason.Layout, $"{source}, {source1} and {destination} are blocked differently");
    }
}
