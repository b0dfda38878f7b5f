// Layouts as text: nhwc, nChw16c, OIhw4i16o4i, aBcd16b.
using System.Collections.Immutable;

namespace Int8Runtime;

/// <summary>One inner block of a blocked layout: <paramref name="Size"/> consecutive indices of a dimension.</summary>
/// <param name="Dimension">The logical dimension that is blocked.</param>
/// <param name="Size">The number of indices in a block.</param>
public readonly record struct InnerBlock(int Dimension, int Size);

/// <summary>
/// A memory layout written as text. Dimension letters run from the outermost to the innermost; a capital letter marks a
/// dimension that is also blocked; blocks follow as number and letter. Letters are either positional (<c>a</c> is
/// dimension 0, <c>acdb</c>) or the field's names: <c>n c d h w</c> for data, <c>g o i d h w</c> for weights.
/// </summary>
public sealed class FormatTag : IEquatable<FormatTag>
{
    // Far beyond any use, and small enough for the product of blocks to be an int.
    private const int LargestBlock = 1 << 20;

    private FormatTag(string text, ImmutableArray<int> outerOrder, ImmutableArray<InnerBlock> innerBlocks)
    {
        Text = text;
        OuterOrder = outerOrder;
        InnerBlocks = innerBlocks;
    }

    /// <summary>Data as batch, channels, height, width.</summary>
    public static FormatTag Nchw { get; } = Parse("nchw");

    /// <summary>Data with channels innermost.</summary>
    public static FormatTag Nhwc { get; } = Parse("nhwc");

    /// <summary>Weights as output channels, input channels, height, width.</summary>
    public static FormatTag Oihw { get; } = Parse("oihw");

    /// <summary>A row-major matrix.</summary>
    public static FormatTag Ab { get; } = Parse("ab");

    /// <summary>The text this tag was parsed from.</summary>
    public string Text { get; }

    /// <summary>Number of logical dimensions.</summary>
    public int Rank => OuterOrder.Length;

    /// <summary>Logical dimensions from the outermost to the innermost.</summary>
    public ImmutableArray<int> OuterOrder { get; }

    /// <summary>Inner blocks from the outermost to the innermost.</summary>
    public ImmutableArray<InnerBlock> InnerBlocks { get; }

    /// <summary>The row-major layout of <paramref name="rank"/> dimensions (<c>abcd…</c>).</summary>
    public static FormatTag RowMajor(int rank) => Parse(Letters(rank));

    /// <summary>The layout of <paramref name="rank"/> dimensions with dimension 1 innermost (rank 4: nhwc).</summary>
    public static FormatTag ChannelsLast(int rank) =>
        rank < 3 ? RowMajor(rank) : Parse(string.Concat("a", Letters(rank).AsSpan(2), "b"));

    /// <summary>Parses a tag such as <c>nhwc</c>, <c>nChw16c</c>, <c>OIhw4i16o4i</c> or <c>aBcd16b</c>.</summary>
    /// <exception cref="FormatException">The text is not a layout; the message says what is wrong.</exception>
    public static FormatTag Parse(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        int outerLength = text.AsSpan().IndexOfAnyInRange('0', '9');
        ReadOnlySpan<char> outer = outerLength < 0 ? text : text.AsSpan(0, outerLength);
        string names = DimensionNames(text, outer);
        var order = ImmutableArray.CreateBuilder<int>(outer.Length);
        var capital = new bool[names.Length];
        foreach (char letter in outer)
        {
            int dimension = names.IndexOf(char.ToLowerInvariant(letter));
            if (dimension < 0 || order.Contains(dimension))
                throw new FormatException($"'{text}' is not a layout: '{letter}' is unknown or repeated.");
            order.Add(dimension);
            capital[dimension] = char.IsUpper(letter);
        }

        var blocks = ImmutableArray.CreateBuilder<InnerBlock>();
        int position = outer.Length;
        while (position < text.Length)
        {
            int size = 0;
            while (position < text.Length && char.IsAsciiDigit(text[position]) && size < 10000)
                size = (size * 10) + (text[position++] - '0');
            int dimension = position < text.Length ? names.IndexOf(text[position++]) : -1;
            if (dimension < 0 || size < 2 || !capital[dimension])
                throw new FormatException(
                    $"'{text}' is not a layout: an inner block is a number above 1 and the letter of a capital dimension.");
            blocks.Add(new InnerBlock(dimension, size));
            if (blocks.Where(b => b.Dimension == dimension).Aggregate(1L, (product, b) => product * b.Size) > LargestBlock)
                throw new FormatException($"'{text}' is not a layout: the blocks of '{names[dimension]}' exceed {LargestBlock}.");
        }

        for (int dimension = 0; dimension < names.Length; dimension++)
            if (capital[dimension] && !blocks.Any(b => b.Dimension == dimension))
                throw new FormatException($"'{text}' is not a layout: '{names[dimension]}' is capital but has no block.");
        return new FormatTag(text, order.ToImmutable(), blocks.ToImmutable());
    }

    /// <inheritdoc/>
    public bool Equals(FormatTag? other) => other is not null
        && OuterOrder.AsSpan().SequenceEqual(other.OuterOrder.AsSpan())
        && InnerBlocks.AsSpan().SequenceEqual(other.InnerBlocks.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FormatTag);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (int dimension in OuterOrder)
            hash.Add(dimension);
        foreach (InnerBlock block in InnerBlocks)
            hash.Add(block);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static string Letters(int count) => "abcdefghijkl"[..count];

    // The letters of dimensions 0, 1, 2, …: positional tags contain 'a', weights contain 'o' or 'i', the rest is data.
    private static string DimensionNames(string text, ReadOnlySpan<char> outer)
    {
        string present = outer.ToString().ToLowerInvariant();
        if (present.Contains('a') && present.Length <= 12)
            return Letters(present.Length);
        if (present == "x")
            return "x";
        string order = present.AsSpan().IndexOfAny('o', 'i') >= 0 ? "goidhw" : "ncdhw";
        string names = string.Concat(order.Where(present.Contains));
        return names.Length == present.Length
            ? names
            : throw new FormatException($"'{text}' is not a layout: use the letters ncdhw, goidhw or a, b, c, ….");
    }
}
