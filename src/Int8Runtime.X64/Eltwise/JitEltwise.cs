// Eltwise by the run kernel, or by a table where both sides are int8.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Eltwise on any layout: dequantization, function, post-ops and quantization in one pass over memory.</summary>
internal sealed class JitEltwise(KernelCache cache, Isa tier)
    : VectorImplementation(cache, "jit_eltwise", tier)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Eltwise;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (EltwiseDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor source = Plain(descriptor.Source);
        descriptor = descriptor with { Source = source, Destination = Like(descriptor.Destination, source) };
        MemoryDescriptor destination = descriptor.Destination;
        if ((RefuseTensors(source, destination) ?? RefuseQuantization(attributes)) is { } refused)
            return refused;

        Epilogue epilogue = Epilogue.CreateForValues(attributes, destination.DataType);
        var steps = new ElementwiseSteps()
            .AddDequantization(attributes.SourceScale, attributes.SourceZeroPoint, source.Rank, 0)
            .Add(PostOp.Eltwise(descriptor.Algorithm, descriptor.Alpha, descriptor.Beta))
            .AddPostOps(epilogue, destination.Rank);
        if (LookupPlan.TryCreate(Name, isa, Cache, descriptor, attributes, epilogue) is { } lookup)
            return lookup;
        return ElementwisePlan.TryCreate(isa, Cache, source, destination, steps.Steps, epilogue) is { } plan
            ? new ElementwisePrimitivePlan(Name, descriptor, plan, request.Threads)
            : Refuse(RejectionReason.Layout, $"{source} and {destination} are blocked differently");
    }
}
