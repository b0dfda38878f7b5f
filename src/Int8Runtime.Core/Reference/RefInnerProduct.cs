// Normative fully connected layer: for each output channel the sum over channels and spatial dimensions.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>dst[n, o] = epilogue(Σ src[n, c, …]·w[o, c, …])</c>, the sum in row-major order of the weights' logical indices.
/// The output channel o selects weights scale, weights zero point and bias.
/// </summary>
internal sealed unsafe class RefInnerProduct()
    : RefImplementation<InnerProductDescriptor>(PrimitiveKind.InnerProduct, "ref_ip:any")
{
    /// <inheritdoc/>
    protected override InnerProductDescriptor Resolve(InnerProductDescriptor descriptor) => descriptor with
    {
        Source = Plain(descriptor.Source), Weights = Plain(descriptor.Weights), Destination = Plain(descriptor.Destination),
    };

    /// <inheritdoc/>
    protected override Rejection? Refuse(InnerProductDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, WeightsPacking.Bytes(descriptor.Weights), descriptor.Bias, descriptor.Destination)
            ?? RefProduct.RefuseTypes(Name, descriptor.Source, descriptor.Weights)
            ?? ProductQuantization.Refuse(Name, attributes, descriptor.Source.DataType);

    /// <inheritdoc/>
    protected override Rejection? RefuseAttributes(PrimitiveAttributes attributes) => null; // Refuse sees the operands as well

    /// <inheritdoc/>
    protected override void Execute(InnerProductDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor destination = descriptor.Destination;
        var product = new RefProduct(
            attributes, descriptor.Source, descriptor.Weights, descriptor.Bias, destination,
            destination.Dimensions[1], sourceChannel: 1, in arguments);
        int last = descriptor.Source.Rank - 1;
        Shape rows = descriptor.Weights.Dimensions.With(last, 1);
        Span<int> output = stackalloc int[2];
        Span<int> source = stackalloc int[descriptor.Source.Rank];
        Span<int> tap = stackalloc int[descriptor.Source.Rank];
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
                    tap.CopyTo(source);
                    source[0] = output[0];
                    product.AddRun(source, last, tap, last, descriptor.Weights.Dimensions[last]);
                }
                while (IndexSpace.Next(tap, rows, from: 1));
                product.Finish(output);
            }
            while (Outputs.Next(output, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }
}
