// The epilogue of a matrix product, which sees columns as channels.
namespace Int8Runtime.X64;

/// <summary>Shows matrices [… , M, N] as tensors [first batch, N, other batches, M], whose channels are the columns.</summary>
internal static class MatrixEpilogue
{
    /// <summary>Plans the epilogue.</summary>
    /// <param name="attributes">Scales, zero points and post-ops.</param>
    /// <param name="accumulator">Type of the accumulators.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="bias">The bias; null for none.</param>
    /// <param name="refusal">What is not served, if the result is null.</param>
    public static EpiloguePlan? TryCreate(
        PrimitiveAttributes attributes, DataType accumulator, MemoryDescriptor destination, MemoryDescriptor? bias, out string refusal)
    {
        refusal = "";
        var chain = new PostOp[attributes.PostOps.Count];
        for (int i = 0; i < chain.Length; i++)
        {
            chain[i] = attributes.PostOps[i];
            if (chain[i] is not OperandPostOp postOp)
                continue;
            if (!postOp.Operand.IsStrided || !postOp.Operand.InnerBlocks.IsEmpty)
            {
                refusal = $"the operand {postOp.Operand} of a post-op is not plainly strided";
                return null;
            }

            chain[i] = postOp with { Operand = ColumnsAsChannels(postOp.Operand) };
        }

        if (bias is { Rank: > 1 })
        {
            if (!bias.InnerBlocks.IsEmpty)
            {
                refusal = $"the bias {bias} is not plainly strided";
                return null;
            }

            bias = ColumnsAsChannels(bias);
        }

        Epilogue epilogue = Epilogue.Create(
            attributes with { PostOps = PostOpChain.Create(chain) }, accumulator, destination.DataType, destination.Dimensions[^1],
            bias is not null);
        return EpiloguePlan.TryCreate(epilogue, accumulator, bias, ColumnsAsChannels(destination), out refusal);
    }

    /// <summary>Whether the kernels of a product can read an operand of a post-op or a bias where it lies.</summary>
    public static bool Serves(MemoryDescriptor operand, MemoryDescriptor destination) => operand.Rank == 1
        || (operand.IsStrided && operand.InnerBlocks.IsEmpty
            && EpiloguePlan.Serves(ColumnsAsChannels(operand), ColumnsAsChannels(destination)));

    private static MemoryDescriptor ColumnsAsChannels(MemoryDescriptor matrix)
    {
        bool batched = matrix.Rank > 2;
        List<int> dimensions = [batched ? matrix.Dimensions[0] : 1, matrix.Dimensions[^1]];
        List<long> strides = [batched ? matrix.Strides[0] : 0, matrix.Strides[^1]];
        for (int d = batched ? 1 : 0; d < matrix.Rank - 1; d++)
        {
            dimensions.Add(matrix.Dimensions[d]);
            strides.Add(matrix.Strides[d]);
        }

        return MemoryDescriptor.Strided(dimensions.ToArray(), matrix.DataType, strides.ToArray(), matrix.Offset);
    }
}
