// Shuffle as a copy between two views in which the shuffled axis is two dimensions.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Shuffle along any axis of tensors that are not blocked: runs, transposes or elements, as the strides have it.</summary>
internal sealed unsafe class JitShuffle(KernelCache cache, Isa tier) : VectorImplementation(cache, "jit_shuffle", tier)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Shuffle;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (ShuffleDescriptor)request.Descriptor;
        MemoryDescriptor source = Plain(descriptor.Source), destination = Like(descriptor.Destination, source);
        descriptor = descriptor with { Source = source, Destination = destination };
        if (RefuseTensors(source, destination) is { } tensors)
            return tensors;
        if (!source.InnerBlocks.IsEmpty || !destination.InnerBlocks.IsEmpty)
            return Refuse(RejectionReason.Layout, $"{source} or {destination} is blocked");

        // Index (v, u) of the axis is destination index v·C/G + u and source index u·G + v.
        int columns = descriptor.GroupSize, rows = source.Dimensions[descriptor.Axis] / columns;
        CopyPlan? copy = CopyPlan.TryCreate(
            isa, Cache, Split(source, descriptor.Axis, (columns, 1), (rows, columns)),
            Split(destination, descriptor.Axis, (columns, rows), (rows, 1)));
        return copy is null ? Refuse(RejectionReason.Layout, $"{source} and {destination} do not nest") : new Plan(Name, descriptor, copy);
    }

    // The axis as two dimensions, each given by its extent and its step along the axis.
    private static MemoryDescriptor Split(MemoryDescriptor tensor, int axis, (int Extent, int Step) outer, (int Extent, int Step) inner)
    {
        List<int> dimensions = [.. tensor.Dimensions];
        List<long> strides = [.. tensor.Strides];
        long stride = strides[axis];
        dimensions[axis] = outer.Extent;
        dimensions.Insert(axis + 1, inner.Extent);
        strides[axis] = stride * outer.Step;
        strides.Insert(axis + 1, stride * inner.Step);
        return MemoryDescriptor.Strided([.. dimensions], tensor.DataType, [.. strides], tensor.Offset);
    }

    private sealed class Plan(string name, ShuffleDescriptor descriptor, CopyPlan copy) : PrimitivePlan
    {
        public override string Name => name;

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override string Details => copy.Details;

        public override void Execute(in ExecutionContext context) => copy.Execute(
            in context, (byte*)context.Arguments[ArgumentSlot.Source], (byte*)context.Arguments[ArgumentSlot.Destination]);
    }
}
