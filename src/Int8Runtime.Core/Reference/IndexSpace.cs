// Walks all indices of a shape in row-major order.
namespace Int8Runtime.Reference;

internal static class IndexSpace
{
    /// <summary>Advances <paramref name="index"/>; false (and all zeros from <paramref name="from"/> on) after the last one.</summary>
    /// <param name="index">The index, advanced in place.</param>
    /// <param name="extents">Extent of each dimension.</param>
    /// <param name="from">First dimension that takes part.</param>
    public static bool Next(Span<int> index, Shape extents, int from = 0)
    {
        for (int d = index.Length - 1; d >= from; d--)
        {
            if (++index[d] < extents[d])
                return true;
            index[d] = 0;
        }

        return false;
    }
}
