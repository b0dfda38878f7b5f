// Concatenation by copies, for the cases where sources cannot be written into the destination in the first place.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Copies each source to its part of the destination; layouts may differ.</summary>
internal sealed unsafe class JitConcat(KernelCache cache, bool needsAvx512)
    : VectorImplementation(cache, "jit_concat", needsAvx512)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Concat;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (ConcatDescriptor)request.Descriptor;
        descriptor = descriptor with
        {
            Sources = [.. descriptor.Sources.Select(Plain)], Destination = Plain(descriptor.Destination),
        };
        MemoryDescriptor destination = descriptor.Destination;
        if (RefuseTensors([destination, .. descriptor.Sources.Where(source => source.ElementCount > 0)]) is { } refusal)
            return refusal;
        if (!destination.InnerBlocks.IsEmpty)
            return Refuse(RejectionReason.Layout, $"{destination} is blocked");
        var copies = new CopyPlan?[descriptor.Sources.Length];
        var start = new int[destination.Rank];
        for (int i = 0; i < copies.Length; i++)
        {
            MemoryDescriptor source = descriptor.Sources[i];
            if (source.ElementCount == 0)
                continue;
            copies[i] = CopyPlan.TryCreate(isa, Cache, source, destination.Slice(start, source.Dimensions));
            if (copies[i] is null)
                return Refuse(RejectionReason.Layout, $"{source} and {destination} are blocked differently");
            start[descriptor.Axis] += source.Dimensions[descriptor.Axis];
        }

        return new Plan(Name, descriptor, copies);
    }

    private sealed class Plan(string name, ConcatDescriptor descriptor, CopyPlan?[] copies) : PrimitivePlan
    {
        public override string Name => name;

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override string Details => string.Join(", ", copies.Select(copy => copy?.Details).Distinct());

        public override void Execute(in ExecutionContext context)
        {
            var destination = (byte*)context.Arguments[ArgumentSlot.Destination];
            for (int i = 0; i < copies.Length; i++)
                copies[i]?.Execute(in context, (byte*)context.Arguments[ArgumentSlot.PostOp0 + i], destination);
        }
    }
}
