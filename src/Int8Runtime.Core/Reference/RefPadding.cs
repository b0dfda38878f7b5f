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
        for (int d = 0; d < index.Length; d++)
        {
            // All elements beyond dimension d, among them some that are beyond others as well.
            int first = descriptor.Dimensions[d];
            if (first == descriptor.PaddedDimensions[d])
                continue;
            index.Clear();
            index[d] = first;
            do
                new Span<byte>((byte*)data + (descriptor.OffsetOf(index) * size), size).Clear();
            while (Next(index, descriptor.PaddedDimensions, d, first));
        }
    }

    // Advances the index where dimension `beyond` starts at `first`.
    private static bool Next(Span<int> index, Shape extents, int beyond, int first)
    {
        for (int d = index.Length - 1; d >= 0; d--)
        {
            if (++index[d] < extents[d])
                return true;
            index[d] = d == beyond ? first : 0;
        }

        return false;
    }
}
