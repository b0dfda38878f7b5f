// Normative rectifier with a tensor of slopes.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>dst = quantize(postOps(x &gt; 0 ? x : slope·x))</c>, both operands dequantized; an extent of 1 in the slopes is broadcast.
/// </summary>
internal sealed unsafe class RefPRelu() : RefImplementation<PReluDescriptor>(PrimitiveKind.PRelu, "ref_prelu:any")
{
    /// <inheritdoc/>
    protected override PReluDescriptor Resolve(PReluDescriptor descriptor) => descriptor with
    {
        Source = Plain(descriptor.Source), Slopes = Plain(descriptor.Slopes), Destination = Plain(descriptor.Destination),
    };

    /// <inheritdoc/>
    protected override Rejection? Refuse(PReluDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Slopes, descriptor.Destination);

    /// <inheritdoc/>
    protected override void Execute(PReluDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        float scale = RefEpilogue.SourceScale(attributes, in arguments);
        float slopeScale = RefEpilogue.Source1Scale(attributes, in arguments);
        int zeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments);
        int slopeZeroPoint = RefEpilogue.Source1ZeroPoint(attributes, in arguments);
        Epilogue epilogue = Epilogue.CreateForValues(
            attributes, destination.DataType, RefEpilogue.ReadRuntime(attributes, in arguments));
        Span<int> index = stackalloc int[destination.Rank];
        Span<int> slopeIndex = stackalloc int[destination.Rank];
        index.Clear();
        if (destination.ElementCount > 0)
        {
            do
            {
                for (int d = 0; d < index.Length; d++)
                    slopeIndex[d] = descriptor.Slopes.Dimensions[d] == 1 ? 0 : index[d];
                float x = ScalarAccess.LoadReal(
                    arguments[ArgumentSlot.Source], source.DataType, source.OffsetOf(index), scale, zeroPoint);
                float slope = ScalarAccess.LoadReal(
                    arguments[ArgumentSlot.Source1], descriptor.Slopes.DataType, descriptor.Slopes.OffsetOf(slopeIndex),
                    slopeScale, slopeZeroPoint);
                RefEpilogue.FinishValue(epilogue, x > 0 ? x : slope * x, in arguments, destination, index);
            }
            while (Outputs.Next(index, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }
}
