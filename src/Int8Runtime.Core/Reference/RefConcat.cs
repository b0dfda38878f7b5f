// Normative concatenation: elements are copied as they are, or dequantized and quantized.
namespace Int8Runtime.Reference;

/// <summary>
/// Copies source i to the part of the destination that starts where source i − 1 ended along the axis. Where type, scale or
/// zero point differ: <c>dst = quantize(scaleᵢ·(src − zpᵢ))</c>, as the epilogue of primitives without weights.
/// </summary>
internal sealed unsafe class RefConcat() : RefImplementation<ConcatDescriptor>(PrimitiveKind.Concat, "ref_concat:any")
{
    /// <inheritdoc/>
    protected override ConcatDescriptor Resolve(ConcatDescriptor descriptor) =>
        descriptor with { Sources = [.. descriptor.Sources.Select(Plain)], Destination = Plain(descriptor.Destination) };

    /// <inheritdoc/>
    protected override Rejection? Refuse(ConcatDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands([.. descriptor.Sources, descriptor.Destination]);

    /// <inheritdoc/>
    protected override void Execute(ConcatDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor destination = descriptor.Destination;
        Epilogue epilogue = Epilogue.CreateForValues(
            attributes, destination.DataType, RefEpilogue.ReadRuntime(attributes, in arguments));
        int size = destination.DataType.SizeInBytes();
        Span<int> index = stackalloc int[destination.Rank];
        Span<int> target = stackalloc int[destination.Rank];
        int start = 0;
        for (int i = 0; i < descriptor.Sources.Length; i++)
        {
            MemoryDescriptor source = descriptor.Sources[i];
            bool copies = descriptor.Copies(i, attributes);
            var from = (byte*)arguments[ArgumentSlot.PostOp0 + i];
            var to = (byte*)arguments[ArgumentSlot.Destination];
            index.Clear();
            if (source.ElementCount > 0)
            {
                do
                {
                    index.CopyTo(target);
                    target[descriptor.Axis] += start;
                    if (copies)
                        new Span<byte>(from + (source.OffsetOf(index) * size), size)
                            .CopyTo(new Span<byte>(to + (destination.OffsetOf(target) * size), size));
                    else
                        RefEpilogue.FinishValue(
                            epilogue,
                            ScalarAccess.LoadReal(from, source.DataType, source.OffsetOf(index), descriptor.Scale(i),
                                descriptor.ZeroPoint(i)),
                            in arguments, destination, target);
                }
                while (IndexSpace.Next(index, source.Dimensions));
            }

            start += source.Dimensions[descriptor.Axis];
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }
}
