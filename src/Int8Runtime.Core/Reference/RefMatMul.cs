// Normative matrix product: for each element of the destination the sum over K.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>dst[…, m, n] = epilogue(Σ_k src[…, m, k]·w[…, k, n])</c>; batch dimensions of extent 1 are broadcast. The column n
/// selects weights scale, weights zero point and bias.
/// </summary>
internal sealed unsafe class RefMatMul() : RefImplementation<MatMulDescriptor>(PrimitiveKind.MatMul, "ref_matmul:any")
{
    /// <inheritdoc/>
    protected override MatMulDescriptor Resolve(MatMulDescriptor descriptor) => descriptor with
    {
        Source = Plain(descriptor.Source), Weights = Plain(descriptor.Weights), Destination = Plain(descriptor.Destination),
    };

    /// <inheritdoc/>
    protected override Rejection? Refuse(MatMulDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, WeightsPacking.Bytes(descriptor.Weights), descriptor.Bias, descriptor.Destination)
            ?? RefProduct.RefuseTypes(Name, descriptor.Source, descriptor.Weights)
            ?? ProductQuantization.Refuse(Name, attributes, descriptor.Source.DataType);

    /// <inheritdoc/>
    protected override Rejection? RefuseAttributes(PrimitiveAttributes attributes) => null; // Refuse sees the operands as well

    /// <inheritdoc/>
    protected override void Execute(MatMulDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor destination = descriptor.Destination;
        var product = new RefProduct(
            attributes, descriptor.Source, descriptor.Weights, descriptor.Bias, destination, descriptor.N,
            destination.Rank - 1, in arguments);
        int rank = destination.Rank;
        Span<int> output = stackalloc int[rank];
        Span<int> left = stackalloc int[rank];
        Span<int> right = stackalloc int[rank];
        output.Clear();
        left.Clear();
        right.Clear();
        if (destination.ElementCount > 0)
        {
            do
            {
                product.Start(channel: output[^1]);
                for (int d = 0; d < rank - 2; d++)
                {
                    left[d] = descriptor.Source.Dimensions[d] == 1 ? 0 : output[d];
                    right[d] = descriptor.Weights.Dimensions[d] == 1 ? 0 : output[d];
                }

                left[^2] = output[^2];
                right[^1] = output[^1];
                product.AddRun(left, rank - 1, right, rank - 2, descriptor.K);
                product.Finish(output);
            }
            while (Outputs.Next(output, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }
}
