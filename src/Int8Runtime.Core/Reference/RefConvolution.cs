// Normative convolution and deconvolution: nested loops over logical indices.
namespace Int8Runtime.Reference;

/// <summary>
/// Both as their definitions read: for each output the taps in order, each with the source element that it meets. Integer operands
/// are summed in 32-bit two's complement as (src − zp_src)·(w − zp_w);
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
        Fused(descriptor, attributes) is { } fused
        ? RefuseStage(fused.Pointwise, fused.PointwiseAttributes) ?? RefuseStage(fused.Depthwise, fused.DepthwiseAttributes)
        : RefuseStage(descriptor, attributes);

    /// <inheritdoc/>
    protected override Rejection? RefuseAttributes(PrimitiveAttributes attributes) => null; // Refuse sees the operands as well

    /// <inheritdoc/>
    protected override void Execute(TDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor destination = descriptor.Destination;
        if (destination.ElementCount > 0)
        {
            if (Fused(descriptor, attributes) is { } fused)
                ExecuteFused(fused, in arguments);
            else
                ExecuteStage(descriptor, attributes, in arguments);
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }

    private static FusedDepthwise? Fused(TDescriptor descriptor, PrimitiveAttributes attributes) =>
        descriptor is ConvolutionDescriptor convolution ? FusedDepthwise.Of(convolution, attributes) : null;

    private Rejection? RefuseStage(ConvolutionDescriptorBase descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, WeightsPacking.Bytes(descriptor.Weights), descriptor.Bias, descriptor.Destination)
            ?? RefProduct.RefuseTypes(Name, descriptor.Source, descriptor.Weights)
            ?? ProductQuantization.Refuse(Name, attributes, descriptor.Source.DataType);

    private void ExecuteStage(TDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        RefProduct product = ProductOf(descriptor, attributes, in arguments);
        Span<int> output = stackalloc int[descriptor.Destination.Rank];
        output.Clear();
        do
            ComputeElement(descriptor, ref product, output);
        while (Outputs.Next(output, descriptor.Destination.Dimensions));
    }

    // A 1×1 convolution and the depthwise convolution behind it: each stage is computed and stored as if it were alone. Of the value
    // between them only what the window of an output meets is computed, again for each output.
    private void ExecuteFused(FusedDepthwise fused, in ExecutionArguments arguments)
    {
        using var intermediate = new TensorMemory(fused.Intermediate);
        ExecutionArguments first = FusedDepthwise.PointwiseArguments(in arguments, intermediate.Data);
        ExecutionArguments second = fused.DepthwiseArguments(in arguments, intermediate.Data);
        RefProduct pointwise = ProductOf(fused.Pointwise, fused.PointwiseAttributes, in first);
        RefProduct depthwise = ProductOf(fused.Depthwise, fused.DepthwiseAttributes, in second);
        Shape window = fused.Depthwise.Weights.Dimensions;
        Span<int> output = stackalloc int[window.Rank];
        Span<int> source = stackalloc int[window.Rank];
        Span<int> tap = stackalloc int[window.Rank];
        output.Clear();
        do
        {
            tap.Clear();
            do
            {
                if (Locate(fused.Depthwise, output, tap, source))
                    ComputeElement(fused.Pointwise, ref pointwise, source);
            }
            while (IndexSpace.Next(tap, window, from: 1));
            ComputeElement(fused.Depthwise, ref depthwise, output);
        }
        while (Outputs.Next(output, fused.Depthwise.Destination.Dimensions));
    }

    private static RefProduct ProductOf(ConvolutionDescriptorBase descriptor, PrimitiveAttributes attributes,
        in ExecutionArguments arguments) =>
        new(attributes, descriptor.Source, descriptor.Weights, descriptor.Bias, descriptor.Destination,
            descriptor.Destination.Dimensions[1], sourceChannel: 1, in arguments);

    private static void ComputeElement(ConvolutionDescriptorBase descriptor, ref RefProduct product, scoped ReadOnlySpan<int> output)
    {
        Span<int> source = stackalloc int[output.Length];
        Span<int> tap = stackalloc int[output.Length];
        tap.Clear();
        tap[0] = output[1];
        product.Start(channel: output[1]);
        do
        {
            if (Locate(descriptor, output, tap, source))
                product.Add(source, tap);
        }
        while (IndexSpace.Next(tap, descriptor.Weights.Dimensions, from: 1));
        product.Finish(output);
    }

    // The source index that a tap [o, c, k…] reads for an output index; false where it lies in the padding.
    private static bool Locate(ConvolutionDescriptorBase descriptor, ReadOnlySpan<int> output, ReadOnlySpan<int> tap, Span<int> source)
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
