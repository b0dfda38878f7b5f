// Where the operand of a post-op, or a bias, lies as seen by tiles with channels in their lanes.
namespace Int8Runtime.X64;

/// <summary>How a tile meets an operand.</summary>
/// <param name="Index">Place of its pointer.</param>
/// <param name="Mode">Which elements the lanes meet.</param>
/// <param name="Offset">Bytes before its first element.</param>
/// <param name="BatchStride">
/// Bytes from image to image; 0 where all images meet the same elements or lanes are found by the destination's place.
/// </param>
internal readonly record struct OperandPlace(int Index, OperandMode Mode, long Offset, long BatchStride)
{
    /// <summary>The place of an operand of the destination's rank; null where kernels cannot read it where it lies.</summary>
    public static OperandPlace? Of(int index, MemoryDescriptor operand, MemoryDescriptor destination)
    {
        if (!operand.IsStrided || !operand.InnerBlocks.IsEmpty || operand.Rank != destination.Rank)
            return null;
        long size = operand.DataType.SizeInBytes(), offset = operand.Offset * size;
        if (operand.ElementCount == 1)
            return new OperandPlace(index, OperandMode.PerTensor, offset, 0);
        bool beyondChannels = false;
        for (int d = 2; d < operand.Rank; d++)
            beyondChannels |= operand.Dimensions[d] != 1;
        int channels = operand.Rank > 1 ? operand.Dimensions[1] : 1;
        if (!beyondChannels && (channels == 1 || operand.Strides[1] == 1))
        {
            long batchStride = operand.Dimensions[0] > 1 ? operand.Strides[0] * size : 0;
            bool perImage = channels == 1 && operand.Rank > 1 && destination.Dimensions[1] > 1;
            return new OperandPlace(index, perImage ? OperandMode.PerTensor : OperandMode.PerChannel, offset, batchStride);
        }

        if (operand.Dimensions != destination.Dimensions)
            return null;
        for (int d = 0; d < operand.Rank; d++)
            if (operand.Dimensions[d] > 1 && operand.Strides[d] != destination.Strides[d])
                return null;
        return new OperandPlace(index, OperandMode.PerElement, offset, 0);
    }
}
