// Runs implementations that want channels last, or no blocks, on tensors in other layouts, by reorders around them.
// Scratch: [source][destination][operands of post-ops], those that are reordered, [scratch of the implementation].
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
internal sealed unsafe class LayoutDetour(IReadOnlyList<IImplementation> inner, KernelCache cache, bool takesAnyStrides = false)
    : IImplementation
{
    private const int Alignment = 64;

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
        var plan = new Plan(request, cache, Serves);
        PrimitiveDescriptor descriptor = PrimitiveTensors.WithImages(request.Descriptor, source, destination);
        MemoryDescriptor? innerSource = plan.Add(ArgumentSlot.Source, source, Direction.In);
        MemoryDescriptor? innerDestination = plan.Add(
            ArgumentSlot.Destination, destination, postOps.Any(p => p is SumPostOp) ? Direction.Both : Direction.Out);
        var viewed = new PostOp[postOps.Count];
        for (int i = 0; i < viewed.Length; i++)
        {
            viewed[i] = postOps[i];
            if (postOps[i] is OperandPostOp binary && binary.Operand.Dimensions == destination.Dimensions
                && binary.Operand.ElementCount > 1)
                viewed[i] = binary with { Operand = plan.Add(ArgumentSlot.PostOp0 + i, binary.Operand, Direction.In) ?? binary.Operand };
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
                return plan.Around(planned, PrimitiveTensors.WithImages(planned.Descriptor, source, destination));
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

    private sealed record Copy(ArgumentSlot Slot, CopyPlan? In, CopyPlan? Out, long Offset);

    private sealed class Plan(PlanRequest request, KernelCache cache, Func<MemoryDescriptor, bool> serves) : PrimitivePlan
    {
        private readonly List<Copy> _copies = [];
        private PrimitivePlan _inner = null!;
        private PrimitiveDescriptor _descriptor = null!;
        private long _bytes;

        public override string Name => _inner.Name + ":reordered";

        public override PrimitiveDescriptor Descriptor => _descriptor;

        public override long ScratchBytes => _bytes + _inner.ScratchBytes;

        public override long SizeInBytes => 1024 + _inner.SizeInBytes;

        public override string Details => _inner.Details;

        // What the implementation sees instead of a tensor; null where the layouts do not nest.
        public MemoryDescriptor? Add(ArgumentSlot slot, MemoryDescriptor tensor, Direction direction)
        {
            if (serves(tensor))
                return tensor;
            if (!tensor.IsStrided)
                return null;
            Isa isa = KernelTier.Of(request.Isa);
            var reordered = new MemoryDescriptor(tensor.Dimensions, tensor.DataType, FormatTag.ChannelsLast(tensor.Rank));
            CopyPlan? into = direction == Direction.Out ? null : CopyPlan.TryCreate(isa, cache, tensor, reordered);
            CopyPlan? from = direction == Direction.In ? null : CopyPlan.TryCreate(isa, cache, reordered, tensor);
            if (into is null && from is null)
                return null;
            _copies.Add(new Copy(slot, into, from, _bytes));
            _bytes += (reordered.SizeInBytes + Alignment - 1) / Alignment * Alignment;
            return reordered;
        }

        public Plan Around(PrimitivePlan plan, PrimitiveDescriptor descriptor)
        {
            (_inner, _descriptor) = (plan, descriptor);
            return this;
        }

        public override void Execute(in ExecutionContext context)
        {
            ExecutionArguments arguments = context.Arguments;
            foreach (Copy copy in _copies)
            {
                byte* scratch = context.Scratch + copy.Offset;
                copy.In?.Execute(in context, (byte*)context.Arguments[copy.Slot], scratch);
                arguments[copy.Slot] = scratch;
            }

            _inner.Execute(new ExecutionContext(in arguments, context.Pool, context.Threads, context.Scratch + _bytes));
            foreach (Copy copy in _copies)
            {
                var outer = (byte*)context.Arguments[copy.Slot];
                copy.Out?.ClearPadding(outer);
                copy.Out?.Execute(in context, context.Scratch + copy.Offset, outer);
            }
        }
    }
}
