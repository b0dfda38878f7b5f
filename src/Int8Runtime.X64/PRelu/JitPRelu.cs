// Rectifiers with a tensor of slopes, by the run kernel.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>PReLU on any mixture of layouts, types, scales and broadcasts.</summary>
internal sealed class JitPRelu(KernelCache cache, Isa tier) : VectorImplementation(cache, "jit_prelu", tier)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.PRelu;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (PReluDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor source = Plain(descriptor.Source), destination = Like(descriptor.Destination, source);
        MemoryDescriptor slopes =
            descriptor.Slopes.Dimensions == source.Dimensions ? Like(descriptor.Slopes, source) : Plain(descriptor.Slopes);
        descriptor = descriptor with { Source = source, Slopes = slopes, Destination = destination };
        if (RefuseTensors(source, slopes, destination) is { } tensors)
            return tensors;
        if (RefuseQuantization(attributes, source.DataType, destination.DataType) is { } quantization)
            return quantization;
        if (attributes.SourceScale is { IsRuntime: true } || attributes.SourceZeroPoint is { IsRuntime: true })
            return Refuse(RejectionReason.Quantization, "a scale or zero point of the source at execution");
        if (slopes.DataType == DataType.Int32 && attributes.Source1ZeroPoint is { IsZero: false })
            return Refuse(RejectionReason.Quantization, "a zero point of s32 slopes");

        Epilogue epilogue = Epilogue.CreateForValues(attributes, destination.DataType);
        ElementwiseSteps steps = new ElementwiseSteps().AddPostOps(epilogue, destination.Rank);
        return ElementwisePlan.TryCreate(isa, Cache, source, destination, steps.Steps, epilogue,
            new Selection(slopes, null, attributes)) is { } plan
            ? new ElementwisePrimitivePlan(Name, descriptor, plan, request.Threads)
            : Refuse(RejectionReason.Layout, $"{source}, {slopes} and {destination} are blocked differently");
    }
}
