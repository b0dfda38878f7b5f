// Normative reorder: copies between layouts and types, quantizes and dequantizes, packs weights.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>dst = sat(rne(v / scale_dst) + zp_dst)</c> with <c>v = scale_src·(src − zp_src)</c> and, for a sum post-op,
/// <c>v += factor·(dst − zp)</c>. It divides, as ONNX's QuantizeLinear does, where the epilogue of compute primitives
/// multiplies by the reciprocal. Without quantization, elements of one type are copied bit by bit and the conversion of
/// s32 to narrower integers saturates exactly. Compensations are sums of what was stored, in s32.
/// </summary>
internal sealed unsafe class RefReorder() : RefImplementation<ReorderDescriptor>(PrimitiveKind.Reorder, "ref_reorder:any")
{
    /// <inheritdoc/>
    protected override ReorderDescriptor Resolve(ReorderDescriptor descriptor) => descriptor;

    /// <inheritdoc/>
    protected override Rejection? RefuseAttributes(PrimitiveAttributes attributes) => null;

    /// <inheritdoc/>
    protected override Rejection? Refuse(ReorderDescriptor descriptor, PrimitiveAttributes attributes)
    {
        if (descriptor.Destination.Packed is null)
            return Converts(descriptor, attributes)
                ? RefuseOperands(descriptor.Source, descriptor.Destination)
                : RefuseOperands(WeightsPacking.Bytes(descriptor.Source), WeightsPacking.Bytes(descriptor.Destination));
        if (descriptor.Source.DataType != descriptor.Destination.DataType)
            return new Rejection(Name, RejectionReason.DataTypes,
                $"packing {descriptor.Source.DataType.ToShortName()} as {descriptor.Destination.DataType.ToShortName()}; "
                + "convert the weights first");
        return Converts(descriptor, attributes)
            ? new Rejection(Name, RejectionReason.Quantization, "packing with scales, zero points or a sum; quantize the weights first")
            : RefuseOperands(WeightsPacking.Bytes(descriptor.Source));
    }

    /// <inheritdoc/>
    protected override void Execute(ReorderDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        void* from = arguments[ArgumentSlot.Source], to = arguments[ArgumentSlot.Destination];
        if (destination.Packed is { } packed)
        {
            packed.Pack(source, from, to);
            return;
        }

        bool converts = Converts(descriptor, attributes);
        int size = destination.DataType.SizeInBytes();
        OutputSample outputs = descriptor.HasCompensations ? OutputSample.All : Outputs;
        Span<int> index = stackalloc int[source.Rank];
        index.Clear();
        if (source.ElementCount > 0)
        {
            do
            {
                long sourceOffset = source.OffsetOf(index), offset = destination.OffsetOf(index);
                if (!converts)
                    new Span<byte>((byte*)from + (sourceOffset * size), size).CopyTo(new Span<byte>((byte*)to + (offset * size), size));
                else
                    Convert(descriptor, attributes, in arguments, sourceOffset, offset, index);
            }
            while (outputs.Next(index, source.Dimensions));
        }

        RefPadding.Clear(destination, to);
        foreach (Compensation compensation in descriptor.Compensations)
            Sum(destination, (sbyte*)to, compensation, (int*)arguments[compensation.Slot]);
    }

    // Factor · Σ of the weights that fall onto each element of the compensation.
    private static void Sum(MemoryDescriptor weights, sbyte* data, Compensation compensation, int* sums)
    {
        MemoryDescriptor tensor = compensation.Tensor;
        new Span<byte>(sums, checked((int)tensor.SizeInBytes)).Clear();
        Span<int> index = stackalloc int[weights.Rank], place = stackalloc int[weights.Rank];
        index.Clear();
        if (weights.ElementCount == 0)
            return;
        do
        {
            for (int d = 0; d < place.Length; d++)
                place[d] = tensor.Dimensions[d] == 1 ? 0 : index[d];
            sums[tensor.OffsetOf(place)] += compensation.Factor * data[weights.OffsetOf(index)];
        }
        while (OutputSample.All.Next(index, weights.Dimensions));
    }

    private static bool Converts(ReorderDescriptor descriptor, PrimitiveAttributes attributes) =>
        descriptor.Source.DataType != descriptor.Destination.DataType
        || attributes.SourceScale is not null || attributes.DestinationScale is not null
        || attributes.SourceZeroPoint is { IsZero: false } || attributes.DestinationZeroPoint is { IsZero: false }
        || attributes.PostOps.Count > 0;

    private static void Convert(
        ReorderDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments, long sourceOffset,
        long offset, ReadOnlySpan<int> index)
    {
        DataType type = descriptor.Destination.DataType;
        int channel = 0;
        for (int d = Math.Max(descriptor.ChannelAxis, 0); d < Math.Min(descriptor.ChannelAxis + descriptor.ChannelDimensions,
            index.Length); d++)
            channel = (channel * descriptor.Source.Dimensions[d]) + index[d];
        float sourceScale = RefEpilogue.ScaleOf(attributes.SourceScale, in arguments, ArgumentSlot.SourceScale, channel);
        int sourceZeroPoint = RefEpilogue.ZeroPointOf(attributes.SourceZeroPoint, in arguments, ArgumentSlot.SourceZeroPoint, channel);
        float scale = RefEpilogue.ScaleOf(attributes.DestinationScale, in arguments, ArgumentSlot.DestinationScale, channel);
        int zeroPoint = RefEpilogue.ZeroPointOf(attributes.DestinationZeroPoint, in arguments, ArgumentSlot.DestinationZeroPoint, channel);

        void* destination = arguments[ArgumentSlot.Destination];
        float value = ScalarAccess.LoadReal(
            arguments[ArgumentSlot.Source], descriptor.Source.DataType, sourceOffset, sourceScale, sourceZeroPoint);
        value = RefEpilogue.ApplyPostOps(attributes.PostOps, value, in arguments, type, destination, offset, index);
        if (scale != 1f)
            value /= scale;
        if (!type.IsFloatingPoint())
        {
            (float lower, float upper) = Epilogue.BoundsOf(type, zeroPoint);
            value = EltwiseMath.Clamp(value, lower, upper);
        }

        ScalarAccess.Store(destination, type, offset, value, zeroPoint);
    }
}
