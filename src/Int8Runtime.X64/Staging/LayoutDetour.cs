// Runs implementations that want channels last, or no blocks, on tensors in other layouts, by reorders around them.
using Int8Runtime.Diagnostics;
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Copies what has another layout into channels-last scratch memory, executes there, and copies the result back: two passes over
/// memory more, for layouts that nobody chooses who cares about speed.
/// </summary>
/// <param name="inner">The implementation, for each instruction set in the order in which they are tried.</param>
/// <param name="cache">Where kernels are kept.</param>
/// <param name="takesAnyStrides">Whether the implementation takes every layout that is not blocked.</param>
internal sealed class LayoutDetour(IReadOnlyList<IImplementation> inner, KernelCache cache, bool takesAnyStrides = false)
    : IImplementation
{
    /// <inheritdoc/>
    public PrimitiveKind Kind => inner[0].Kind;

    /// <inheritdoc/>
    public string Name => inner[0].Name + ":reordered";

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        if (KernelTier.Refusal(Name, request.Isa) is { } tier)
            return tier;
        (MemoryDescriptor source, MemoryDescriptor destination) = PrimitiveTensors.Images(request.Descriptor);
        if (Serves(source) && Serves(destination))
            return new Rejection(Name, RejectionReason.Layout, "nothing to reorder");
        source = RowLayout.Resolve(source);
        destination = RowLayout.Resolve(destination);
        PostOpChain postOps = request.Attributes.PostOps;
        var copies = new Copies(request, cache, Serves);
        PrimitiveDescriptor descriptor = PrimitiveTensors.WithImages(request.Descriptor, source, destination);
        MemoryDescriptor? innerSource = copies.Add(ArgumentSlot.Source, source, Direction.In);
        MemoryDescriptor? innerDestination = copies.Add(
            ArgumentSlot.Destination, destination, postOps.Any(p => p is SumPostOp) ? Direction.Both : Direction.Out);
        var viewed = new PostOp[postOps.Count];
        for (int i = 0; i < viewed.Length; i++)
        {
            viewed[i] = postOps[i];
            if (postOps[i] is OperandPostOp binary && binary.Operand.Dimensions == destination.Dimensions
                && binary.Operand.ElementCount > 1)
                viewed[i] = binary with { Operand = copies.Add(ArgumentSlot.PostOp0 + i, binary.Operand, Direction.In) ?? binary.Operand };
        }

        if (innerSource is null || innerDestination is null)
            return new Rejection(Name, RejectionReason.Layout, $"{source} or {destination} does not nest with channels last");
        PlanRequest innerRequest = request with
        {
            Descriptor = PrimitiveTensors.WithImages(descriptor, innerSource, innerDestination),
            Attributes = request.Attributes with { PostOps = PostOpChain.Create(viewed) },
        };
        PlanResult result = default;
        foreach (IImplementation implementation in inner)
        {
            result = implementation.TryPlan(innerRequest);
            if (result.Plan is { } planned)
                return new StagingPlan(
                    planned.Name + ":reordered", PrimitiveTensors.WithImages(planned.Descriptor, source, destination), planned,
                    copies.Tensors);
        }

        return result;
    }

    private bool Serves(MemoryDescriptor tensor) => tensor.IsAny
        || (takesAnyStrides ? tensor.IsStrided && tensor.InnerBlocks.IsEmpty : RowLayout.HasChannelsLast(tensor));

    private enum Direction
    {
        In,
        Out,
        Both,
    }

    // Collects the copies of tensors that the implementation does not read or write as they are.
    private sealed class Copies(PlanRequest request, KernelCache cache, Func<MemoryDescriptor, bool> serves)
    {
        public List<StagedTensor> Tensors { get; } = [];

        // What the implementation sees instead of a tensor; null where the layouts do not nest.
        public MemoryDescriptor? Add(ArgumentSlot slot, MemoryDescriptor tensor, Direction direction)
        {
            if (serves(tensor))
                return tensor;
            if (!tensor.IsStrided)
                return null;
            Isa isa = KernelTier.Of(request.Isa);
            var reordered = new MemoryDescriptor(tensor.Dimensions, tensor.DataType, FormatTag.ChannelsLast(tensor.Rank));
            CopyPlan? before = direction == Direction.Out ? null : CopyPlan.TryCreate(isa, cache, tensor, reordered);
            CopyPlan? after = direction == Direction.In ? null : CopyPlan.TryCreate(isa, cache, reordered, tensor);
            if ((before is null && direction != Direction.Out) || (after is null && direction != Direction.In))
                return null;
            Tensors.Add(new StagedTensor(slot, reordered.SizeInBytes, before, after));
            return reordered;
        }
    }
}
