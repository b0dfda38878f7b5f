// The arithmetic of result tables.
namespace Int8Runtime.Benchmarks.Tests;

public sealed class ResultTableTests
{
    [Fact]
    public void Minimum_and_median_come_from_the_sorted_samples()
    {
        Assert.Equal(new Timing(1, 3), Timing.Of([5, 1, 3]));
        Assert.Equal(new Timing(1, 2.5), Timing.Of([4, 1, 3, 2]));
    }

    [Fact]
    public void A_ratio_above_one_means_that_ours_is_faster()
    {
        var row = new ResultRow("a", 2e6, new Timing(1e-3, 2e-3), new Timing(2e-3, 3e-3), 4e9, "x / y", 0);
        Assert.Equal(2, row.Ratio!.Value, 12);
        Assert.Equal(1.5, row.MedianRatio!.Value, 12);
        Assert.Equal(0.5, row.PeakShare!.Value, 12); // 2e6 operations in 1 ms are half of 4e9 per second
    }

    [Fact]
    public void Means_and_worst_leave_out_what_has_no_peer()
    {
        ResultTable table = Table(Row("slow", 0.5), Row("alone", null), Row("fast", 2), Row("equal", 1));
        Assert.Equal(1, table.MeanRatio!.Value, 12);
        Assert.Equal(["slow", "equal"], table.Worst(2).Select(r => r.Name));
        Assert.Null(Table(Row("alone", null)).MeanRatio);
        Assert.Null(ResultTable.GeometricMean([]));
        Assert.Equal(4, ResultTable.GeometricMean([2, 8])!.Value, 12);
    }

    [Fact]
    public void Markdown_holds_a_line_for_each_row_and_the_summary()
    {
        string text = Table(Row("slow", 0.5), Row("alone", null)).ToMarkdown();
        Assert.Contains("| slow | x | 1000.0 | 500.0 | 2.0 | 4.0 | 0.50 | 0.50 | 50 |\n", text, StringComparison.Ordinal);
        Assert.Contains("| alone | x | 1000.0 |  | 2.0 |  |  |  | 50 |\n", text, StringComparison.Ordinal);
        Assert.Contains("Geometric mean of ratios 0.500 (of medians 0.500) over 1. Worst five: slow 0.50.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Geometric", Table(Row("alone", null)).ToMarkdown(), StringComparison.Ordinal);
    }

    [Fact]
    public void Json_holds_the_same_figures()
    {
        var json = Table(Row("slow", 0.5)).ToJson();
        Assert.Equal(0.5, (double)json["rows"]![0]!["ratio"]!);
        Assert.Equal(0.5, (double)json["geometric_mean"]!, 12);
    }

    [Fact]
    public void A_summary_counts_only_slow_problems_that_are_long_enough()
    {
        ResultRow shortRow = Row("short", 0.5) with { Ours = new Timing(10e-6, 10e-6), Theirs = new Timing(5e-6, 5e-6) };
        string text = Summary.Of([Table(Row("slow", 0.5), shortRow, Row("fast", 2))]);
        Assert.Contains("| title | 3 | 0.794 | 1 | 232 |\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Sides_alternate_and_each_is_measured()
    {
        var order = new List<char>();
        Timing[] timings = new PairedTimer(0.001, hasWorkers: false).Measure(() => Work('a'), () => Work('b'));
        Assert.All(timings, t => Assert.True(t.Minimum > 0 && t.Median >= t.Minimum));
        char[] turns = [.. order.Where((side, i) => i == 0 || order[i - 1] != side)];
        Assert.True(turns.Length > 4, "the sides do not alternate");

        void Work(char side)
        {
            order.Add(side);
            Thread.SpinWait(5000);
        }
    }

    private static ResultTable Table(params ResultRow[] rows)
    {
        var table = new ResultTable("title", "peer", "machine");
        table.Rows.AddRange(rows);
        return table;
    }

    private static ResultRow Row(string name, double? ratio) => new(
        name, 2e6, new Timing(1e-3, 1e-3), ratio is { } r ? new Timing(r * 1e-3, r * 1e-3) : null, 4e9, "x", null);
}
