// Layouts as text.
namespace Int8Runtime.Core.Tests.Memory;

public sealed class FormatTagTests
{
    [Theory]
    [InlineData("nhwc", "0231", "")]
    [InlineData("nchw", "0123", "")]
    [InlineData("nChw16c", "0123", "1:16")]
    [InlineData("OIhw4i16o4i", "0123", "1:4 0:16 1:4")]
    [InlineData("aBcd16b", "0123", "1:16")]
    [InlineData("acdb", "0231", "")]
    [InlineData("ncw", "012", "")]
    [InlineData("nwc", "021", "")]
    [InlineData("ncdhw", "01234", "")]
    [InlineData("ndhwc", "02341", "")]
    [InlineData("oihw", "0123", "")]
    [InlineData("hwio", "2310", "")]
    [InlineData("ohwi", "0231", "")]
    [InlineData("goihw", "01234", "")]
    [InlineData("gOIhw4i16o4i", "01234", "2:4 1:16 2:4")]
    [InlineData("Goihw16g", "01234", "0:16")]
    [InlineData("oi", "01", "")]
    [InlineData("io", "10", "")]
    [InlineData("nc", "01", "")]
    [InlineData("x", "0", "")]
    [InlineData("a", "0", "")]
    [InlineData("ba", "10", "")]
    [InlineData("BA16a64b4a", "10", "0:16 1:64 0:4")]
    public void Parses_order_and_blocks(string text, string order, string blocks)
    {
        FormatTag tag = FormatTag.Parse(text);
        Assert.Equal(order, string.Concat(tag.OuterOrder));
        Assert.Equal(blocks, string.Join(' ', tag.InnerBlocks.Select(b => $"{b.Dimension}:{b.Size}")));
        Assert.Equal(text, tag.ToString());
        Assert.Equal(order.Length, tag.Rank);
    }

    [Theory]
    [InlineData("nhwq")]
    [InlineData("nhww")]
    [InlineData("nChw")]
    [InlineData("nchw16c")]
    [InlineData("nChw1c")]
    [InlineData("nChw16")]
    [InlineData("nChw16x")]
    [InlineData("acd")]
    [InlineData("16c")]
    public void Refuses_what_is_no_layout(string text) => Assert.Throws<FormatException>(() => FormatTag.Parse(text));

    [Fact]
    public void Blocks_beyond_all_use_are_refused() =>
        Assert.Contains("exceed", Assert.Throws<FormatException>(() => FormatTag.Parse("A9999a9999a9999a")).Message);

    [Fact]
    public void Names_and_letters_of_one_layout_are_equal()
    {
        Assert.Equal(FormatTag.Parse("nChw16c"), FormatTag.Parse("aBcd16b"));
        Assert.Equal(FormatTag.Parse("nhwc").GetHashCode(), FormatTag.Parse("acdb").GetHashCode());
        Assert.NotEqual(FormatTag.Nhwc, FormatTag.Nchw);
        Assert.Equal(FormatTag.Nhwc, FormatTag.ChannelsLast(4));
        Assert.Equal(FormatTag.Parse("ndhwc"), FormatTag.ChannelsLast(5));
        Assert.Equal(FormatTag.Ab, FormatTag.ChannelsLast(2));
    }
}
