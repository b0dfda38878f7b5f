// Tables in terminals of any width.
namespace Int8Runtime.Cli.Tests;

public sealed class TableFitTests
{
    private static readonly string[] Columns = ["node", "kernel", "?layout", ">MMAC", "?fused"];

    private static readonly string[][] Rows =
    [
        ["/layer1/layer1.0/conv1/Conv", "brgemm_conv:avx512", "abcd→acdb", "11.80", "/layer1/layer1.0/relu/Relu"],
        ["logits", "brgemm_ip:avx512", "ab", "0.64", ""],
    ];

    [Fact]
    public void What_fits_is_left_alone()
    {
        TableFit fit = Fit(200);
        Assert.Equal(5, fit.Columns.Count);
        Assert.Equal(Rows, fit.Rows);
        Assert.Empty(fit.LeftOut);
        Assert.Equal((true, false, "MMAC"), (fit.Columns[3].IsRight, fit.Columns[3].IsOptional, fit.Columns[3].Name));
    }

    [Fact]
    public void Optional_columns_go_first_and_then_names_lose_their_middle()
    {
        Assert.Equal(["fused"], Fit(80).LeftOut);
        TableFit narrow = Fit(50);
        Assert.Equal(["layout", "fused"], narrow.LeftOut);
        Assert.All(narrow.Rows, row => Assert.True(WidthOf(row) <= 50));
        Assert.Contains("…", narrow.Rows[0][0], StringComparison.Ordinal);
        Assert.Equal("brgemm_conv:avx512", narrow.Rows[0][1]);
        Assert.Equal("11.80", narrow.Rows[0][2]);
    }

    [Fact]
    public void A_table_that_cannot_fit_says_how_wide_it_is()
    {
        TableFit fit = Fit(10);
        Assert.Equal(["layout", "fused"], fit.LeftOut);
        Assert.Equal(fit.Rows.Max(WidthOf), fit.Width);
        Assert.True(fit.Width > 10);
    }

    [Fact]
    public void Sentences_wrap_and_are_not_cut()
    {
        string reason = "its operand is f32: no quantizer stands in front of it, and so it stays as it is";
        TableFit fit = TableFit.Of(
            [.. new[] { "layer", "reason" }.Select(TableColumnSpec.Parse)], [["a/rather/long/name/of/a/layer", reason]], 50);
        Assert.Equal([false, true], fit.Wraps);
        Assert.False(TableFit.Of([TableColumnSpec.Parse("layer")], [["a/rather/long/name/of/a/layer"], ["21 others"]], 50).Wraps[0]);
        Assert.Equal(reason, fit.Rows[0][1]);
        Assert.True(fit.Rows[0][0].Length <= 50 - 24 - 7);
    }

    private static TableFit Fit(int width) => TableFit.Of([.. Columns.Select(TableColumnSpec.Parse)], Rows, width);

    // Cells, three spaces between them, two on either side.
    private static int WidthOf(string[] row) => row.Sum(c => c.Length) + (3 * (row.Length - 1)) + 4;
}
