// The excess of blocked layouts: elements beyond the logical dimensions are zero.
namespace Int8Runtime.Reference;

internal static unsafe class RefPadding
{
    /// <summary>Writes zeros to every element of the padded dimensions that is outside the logical ones.</summary>
    public static void Clear(MemoryDescriptor descriptor, void* data)
    {
        if (descriptor.PaddedDimensions == descriptor.Dimensions || descriptor.PaddedDimensions.ElementCount == 0)
            return;
        int size = descriptor.DataType.SizeInBytes();
        Span<int> index = stackalloc int[descriptor.Rank];
        index.Clear();
        do
        {
            bool inside = true;
            for (int d = 0; d < index.Length; d++)
                inside &= index[d] < descriptor.Dimensions[d];
            if (!inside)
                new Span<byte>((byte*)data + (descriptor.OffsetOf(index) * size), size).Clear();
        }
        while (IndexSpace.Next(index, descriptor.PaddedDimensions));
    }
}
