// Concatenation by copies and conversions, where sources cannot be written into the destination in the first place.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Copies or converts each source to its part of the destination; layouts, types, scales and zero points may differ.</summary>
internal sealed unsafe class JitConcat(KernelCache cache, Isa tier)
    : VectorImplementation(cache, "jit_concat", tier)
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

        // Parts of a blocked destination are no slices of it: they are joined in scratch memory and reordered together.
        MemoryDescriptor joined = destination;
        CopyPlan? reorder = null;
        if (!destination.InnerBlocks.IsEmpty)
        {
            joined = new MemoryDescriptor(destination.Dimensions, destination.DataType, FormatTag.ChannelsLast(destination.Rank));
            reorder = CopyPlan.TryCreate(isa, Cache, joined, destination);
            if (reorder is null)
                return Refuse(RejectionReason.Layout, $"{destination} is blocked in a way that does not nest");
        }

        Epilogue epilogue = Epilogue.CreateForValues(request.Attributes, destination.DataType);
        var parts = new Part[descriptor.Sources.Length];
        var start = new int[destination.Rank];
        for (int i = 0; i < parts.Length; i++)
        {
            MemoryDescriptor source = descriptor.Sources[i];
            if (source.ElementCount == 0)
                continue;
            MemoryDescriptor target = joined.Slice(start, source.Dimensions);
            start[descriptor.Axis] += source.Dimensions[descriptor.Axis];
            if (descriptor.Copies(i, request.Attributes))
            {
                parts[i].Copy = CopyPlan.TryCreate(isa, Cache, source, target);
            }
            else
            {
                var attributes = request.Attributes with { SourceZeroPoint = descriptor.ZeroPoint(i) };
                if (RefuseQuantization(attributes) is { } quantization)
                    return quantization;
                ElementwiseSteps steps = new ElementwiseSteps()
                    .AddDequantization(QuantizationScale.PerTensor(descriptor.Scale(i)), attributes.SourceZeroPoint, source.Rank, 0)
                    .AddPostOps(epilogue, destination.Rank);
                parts[i].Conversion = ElementwisePlan.TryCreate(isa, Cache, source, target, steps.Steps, epilogue);
            }

            if (parts[i] is { Copy: null, Conversion: null })
                return Refuse(RejectionReason.Layout, $"{source} and {destination} are blocked differently");
        }

        return new Plan(Name, descriptor, parts, reorder, reorder is null ? 0 : joined.SizeInBytes, request.Threads);
    }

    // How a source gets to its place; neither for an empty one.
    private struct Part
    {
        public CopyPlan? Copy;
        public ElementwisePlan? Conversion;
    }

    private sealed class Plan(string name, ConcatDescriptor descriptor, Part[] parts, CopyPlan? reorder, long joinedBytes,
        int threads) : PrimitivePlan
    {
        private readonly long _joinedBytes = ScratchLayout.RoundUp(joinedBytes);

        public override string Name => name;

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override string Details =>
            string.Join(", ", parts.Select(part => part.Copy?.Details ?? part.Conversion?.Details)
                .Append(reorder?.Details).OfType<string>().Distinct());

        public override long ScratchBytes => _joinedBytes + parts.Max(part => part.Conversion?.ScratchBytes(threads) ?? 0);

        public override void Execute(in ExecutionContext context)
        {
            ExecutionArguments arguments = context.Arguments;
            var destination = (byte*)arguments[ArgumentSlot.Destination];
            if (reorder is not null)
                arguments[ArgumentSlot.Destination] = context.Scratch;
            var inner = new ExecutionContext(in arguments, context.Pool, context.Threads, context.Scratch + _joinedBytes);
            for (int i = 0; i < parts.Length; i++)
            {
                ArgumentSlot slot = ArgumentSlot.PostOp0 + i;
                parts[i].Copy?.Execute(in inner, (byte*)arguments[slot], (byte*)arguments[ArgumentSlot.Destination]);
                parts[i].Conversion?.Execute(in inner, slot);
            }

            reorder?.ClearPadding(destination);
            reorder?.Execute(in context, context.Scratch, destination);
        }
    }
}
