// Selection between two tensors, by the run kernel.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Selection on any mixture of layouts, types, scales and broadcasts.</summary>
internal sealed class JitSelect(KernelCache cache, Isa tier) : SelectionImplementation(cache, "jit_select", tier)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Select;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (SelectDescriptor)request.Descriptor;
        MemoryDescriptor source = Plain(descriptor.Source), source1 = Plain(descriptor.Source1), condition = Plain(descriptor.Condition);
        MemoryDescriptor? sameShape = source.Dimensions == descriptor.Destination.Dimensions ? source
            : source1.Dimensions == descriptor.Destination.Dimensions ? source1 : null;
        MemoryDescriptor destination = Like(descriptor.Destination, sameShape);
        descriptor = descriptor with { Source = source, Source1 = source1, Condition = condition, Destination = destination };
        return Plan(request, isa, descriptor, source, source1, condition, destination);
    }
}
