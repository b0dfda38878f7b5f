// Rectifiers with a tensor of slopes, by the run kernel.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>PReLU on any mixture of layouts, types, scales and broadcasts.</summary>
internal sealed class JitPRelu(KernelCache cache, Isa tier) : SelectionImplementation(cache, "jit_prelu", tier)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.PRelu;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (PReluDescriptor)request.Descriptor;
        MemoryDescriptor source = Plain(descriptor.Source), destination = Like(descriptor.Destination, source);
        MemoryDescriptor slopes =
            descriptor.Slopes.Dimensions == source.Dimensions ? Like(descriptor.Slopes, source) : Plain(descriptor.Slopes);
        descriptor = descriptor with { Source = source, Slopes = slopes, Destination = destination };
        return Plan(request, isa, descriptor, source, slopes, condition: null, destination);
    }
}
