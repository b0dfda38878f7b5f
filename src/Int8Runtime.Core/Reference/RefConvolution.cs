// Normative convolution and deconvolution: nested loops over logical indices.
namespace Int8Runtime.Reference;

/// <summary>
/// Both as their definitions read: for each output the taps in order, each with the source element that it meets. Integer operands are summed in 32-bit two's complement as (src − zp_src)·(w − zp_w);
/// f32 operands are summed by fused multiply-add in the order channel, kernel row, kernel column. Taps in the padding add
/// nothing, because padding is the real number 0.
/// </summary>
/// <typeparam name="TDescriptor">The descriptor of the kind.</typeparam>
internal sealed unsafe class RefConvolution<TDescriptor>(PrimitiveKind kind, string name)
    : RefImplementation<TDescriptor>(kind, name)
    where TDescriptor : ConvolutionDescriptorBase
{
    /// <inheritdoc/>
    protected override TDescriptor Resolve(TDescriptor descriptor) => descriptor with
    {
        Source = Plain(descriptor.Source), Weights = Plain(descriptor.Weights), Destination = Plain(descriptor.Destination),
    };

    /// <inheritdoc/>
    protected override Rejection? Refuse(TDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Weights, descriptor.Bias, descriptor.Destination)
            ?? RefProduct.RefuseTypes(Name, descriptor.Source, descriptor.Weights)
            ?? RefProduct.RefuseQuantization(Name, attributes, descriptor.Source.DataType.IsInt8());

    /// <inheritdoc/>
    protected override Rejection? RefuseAttributes(PrimitiveAttributes attributes) => null; // Refuse sees the operands as well

    /// <inheritdoc/>
    protected override void Execute(TDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor destination = descriptor.Destination;
        var product = new RefProduct(
            attributes, descriptor.Source, descriptor.Weights, descriptor.Bias, destination,
            destination.Dimensions[1], sourceChannel: 1, in arguments);
        Span<int> output = stackalloc int[destination.Rank];
        Span<int> source = stackalloc int[destination.Rank];
        Span<int> tap = stackalloc int[destination.Rank];
        output.Clear();
        if (destination.ElementCount > 0)
        {
            do
            {
                product.Start(channel: output[1]);
                tap.Clear();
                tap[0] = output[1];
                do
                {
                    if (Locate(descriptor, output, tap, source))
                        product.Add(source, tap);
                }
                while (IndexSpace.Next(tap, descriptor.Weights.Dimensions, from: 1));
                product.Finish(output);
            }
            while (Outputs.Next(output, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }

    // The source index that a tap [o, c, k…] reads for an output index; false where it lies in the padding.
    private static bool Locate(TDescriptor descriptor, ReadOnlySpan<int> output, ReadOnlySpan<int> tap, Span<int> source)
    {
        int outputsPerGroup = descriptor.Weights.Dimensions[0] / descriptor.Groups;
        source[0] = output[0];
        source[1] = (output[1] / outputsPerGroup * descriptor.Weights.Dimensions[1]) + tap[1];
        for (int a = 0; a < descriptor.SpatialRank; a++)
        {
            int position = descriptor.Locate(a, output[a + 2], tap[a + 2]);
            if ((uint)position >= (uint)descriptor.Source.Dimensions[a + 2])
                return false;
            source[a + 2] = position;
        }

        return true;
    }
}
