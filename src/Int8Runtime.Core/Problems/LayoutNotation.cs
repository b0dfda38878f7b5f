// Layouts as the tags of problem lines: abx, axb, acdb, aBcd16b, any.
namespace Int8Runtime;

/// <summary>Writes and reads tags, in which <c>x</c> stands for the dimensions that are not named.</summary>
internal static class LayoutNotation
{
    /// <summary>The tag of a layout left open.</summary>
    public const string Any = "any";

    private const string Letters = "abcdefghijkl";

    /// <summary>The tag that describes a layout exactly; null where there is none, as for gaps, offsets and packed weights.</summary>
    public static string? TagOf(MemoryDescriptor tensor)
    {
        if (tensor.IsAny)
            return Any;
        if (!tensor.IsStrided || tensor.Rank == 0 || tensor.Rank > Letters.Length)
            return null;
        if (tensor.Equals(new MemoryDescriptor(tensor.Dimensions, tensor.DataType)))
            return "abx";
        if (tensor.Rank > 2 && tensor.Equals(new MemoryDescriptor(tensor.Dimensions, tensor.DataType, FormatTag.ChannelsLast(tensor.Rank))))
            return "axb";
        string tag = DenseTagOf(tensor);
        return tensor.Equals(new MemoryDescriptor(tensor.Dimensions, tensor.DataType, FormatTag.Parse(tag))) ? tag : null;
    }

    /// <summary>
    /// The tag of the same order and blocks without gaps. Of dimensions with one stride, all but the outermost have extent 1.
    /// </summary>
    public static string DenseTagOf(MemoryDescriptor tensor)
    {
        IEnumerable<int> order = Enumerable.Range(0, tensor.Rank).OrderByDescending(d => tensor.Strides[d])
            .ThenByDescending(d => tensor.PaddedDimensions[d] / tensor.BlockOf(d));
        return string.Concat(order.Select(d => tensor.BlockOf(d) > 1 ? char.ToUpperInvariant(Letters[d]) : Letters[d]))
            + string.Concat(tensor.InnerBlocks.Select(b => $"{b.Size}{Letters[b.Dimension]}"));
    }

    /// <summary>A dense tensor in the layout of a tag; <c>any</c>, or none, leaves it to the implementation.</summary>
    /// <exception cref="FormatException">The text is not a tag.</exception>
    /// <exception cref="ArgumentException">The tag has another rank than <paramref name="dimensions"/>.</exception>
    public static MemoryDescriptor Tensor(Shape dimensions, DataType type, string tag)
    {
        if (tag is "" or Any or "undef")
            return MemoryDescriptor.Any(dimensions, type);
        string text = tag;
        if (tag.Contains('x', StringComparison.Ordinal))
        {
            string rest = string.Concat(Letters[..dimensions.Rank].Where(c => !tag.Contains(c, StringComparison.OrdinalIgnoreCase)));
            text = tag.Replace("x", rest, StringComparison.Ordinal);
            text = string.Concat(text.Where(c => !char.IsAsciiLetterLower(c) || c < 'a' + dimensions.Rank));
        }

        return new MemoryDescriptor(dimensions, type, FormatTag.Parse(text));
    }
}
