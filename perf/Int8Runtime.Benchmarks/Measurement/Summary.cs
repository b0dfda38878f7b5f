// The head of a file of tables: one line for each table.
using System.Globalization;
using System.Text;

namespace Int8Runtime.Benchmarks;

/// <summary>Sums up tables.</summary>
internal static class Summary
{
    /// <summary>Time below which a problem is too short for its ratio to count.</summary>
    private const double ShortSeconds = 20e-6;

    /// <summary>Mean ratio, problems below 0.95 and mean share of the peak of each table, as Markdown.</summary>
    public static string Of(IReadOnlyList<ResultTable> tables)
    {
        var text = new StringBuilder(
            "| table | compared | geometric mean | below 0.95 (longer than 20 µs) | % of peak |\n|---|--:|--:|--:|--:|\n");
        foreach (ResultTable table in tables)
        {
            double? peak = ResultTable.GeometricMean(table.Rows.Where(r => r.PeakShare is > 0).Select(r => r.PeakShare!.Value));
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {table.Title} | {table.Rows.Count(r => r.Ratio is not null)} | {table.MeanRatio:F3} | {table.Rows.Count(r => r.Ratio < 0.95 && r.Ours.Minimum > ShortSeconds)} | {peak * 100:F0} |\n");
        }

        return text.Append('\n').ToString();
    }
}
