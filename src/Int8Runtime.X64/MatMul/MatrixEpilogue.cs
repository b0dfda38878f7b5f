// The epilogue of a matrix product, which sees columns as channels.
namespace Int8Runtime.X64;

/// <summary>Shows matrices [… , M, N] as tensors [first batch, N, other batches, M], whose channels are the columns.</summary>
internal static class MatrixEpilogue
{
    /// <summary>Plans the epilogue.</summary>
    /// <param name="attributes">Scales, zero points and post-ops.</param>
    /// <param name="accumulator">Type of the accumulators.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="hasBias">Whether there is a bias.</param>
    /// <param name="refusal">What is not served, if the result is null.</param>
    public static EpiloguePlan? TryCreate(
        PrimitiveAttributes attributes, DataType accumulator, MemoryDescriptor destination, bool hasBias, out string refusal)
    {
        refusal = "";
        var chain = new PostOp[attributes.PostOps.Count];
        for (int i = 0; i < chain.Length; i++)
        {
            chain[i] = attributes.PostOps[i];
            if (chain[i] is not BinaryPostOp binary)
                continue;
            if (!binary.Operand.IsStrided || !binary.Operand.InnerBlocks.IsEmpty)
            {
                refusal = $"the operand {binary.Operand} of a binary post-op is not plainly strided";
                return null;
            }

            chain[i] = binary with { Operand = ColumnsAsChannels(binary.Operand) };
        }

        Epilogue epilogue = Epilogue.Create(
            attributes with { PostOps = PostOpChain.Create(chain) }, accumulator, destination.DataType, destination.Dimensions[^1], hasBias);
        return EpiloguePlan.TryCreate(epilogue, accumulator, hasBias, ColumnsAsChannels(destination), out refusal);
    }

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
