// Rows of a comparison, their ratios, and how they are written.
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Int8Runtime.Benchmarks;

/// <summary>One problem or model on both sides.</summary>
/// <param name="Name">The problem or model.</param>
/// <param name="Operations">Useful operations (a multiply-add is two); 0 for models.</param>
/// <param name="Ours">Times of ours.</param>
/// <param name="Theirs">Times of the peer; null where it is not installed or refuses.</param>
/// <param name="Peak">Most operations per second measured beside; 0 where it does not apply.</param>
/// <param name="Implementations">Our implementation and theirs.</param>
/// <param name="Difference">
/// Largest difference of the results, relative to the largest result (u8: in steps); null where not compared.
/// </param>
internal sealed record ResultRow(
    string Name, double Operations, Timing Ours, Timing? Theirs, double Peak, string Implementations, double? Difference)
{
    /// <summary>Time of the peer over ours, both at their minimum: above 1 we are faster.</summary>
    public double? Ratio => Theirs?.Minimum / Ours.Minimum;

    /// <summary>The ratio of the medians.</summary>
    public double? MedianRatio => Theirs?.Median / Ours.Median;

    /// <summary>Share of the peak.</summary>
    public double? PeakShare => Peak > 0 && Operations > 0 ? Operations / Ours.Minimum / Peak : null;
}

/// <summary>A table of results.</summary>
/// <param name="Title">What was compared.</param>
/// <param name="Peer">Name and version of the peer, or why there is none.</param>
/// <param name="Machine">CPU, instruction sets and threads.</param>
internal sealed record ResultTable(string Title, string Peer, string Machine)
{
    /// <summary>The rows in the order of the files.</summary>
    public List<ResultRow> Rows { get; } = [];

    /// <summary>What was left out, and why.</summary>
    public List<string> Remarks { get; } = [];

    /// <summary>Problems whose results differ between the sides: one of them computes something else, so there is nothing to compare.</summary>
    public List<string> Mismatches { get; } = [];

    /// <summary>Pins the calling thread for a measurement on one thread, or remarks that it moves.</summary>
    public void Pin(int threads)
    {
        if (threads == 1 && !Processor.PinCurrentThread())
            Remarks.Add("The measuring thread could not be pinned to a processor.");
    }

    /// <summary>The geometric mean of values; null of none.</summary>
    public static double? GeometricMean(IEnumerable<double> values)
    {
        double[] logarithms = [.. values.Select(v => Math.Log(v))];
        return logarithms.Length == 0 ? null : Math.Exp(logarithms.Average());
    }

    /// <summary>The geometric mean of the ratios.</summary>
    public double? MeanRatio => GeometricMean(Rows.Where(r => r.Ratio is not null).Select(r => r.Ratio!.Value));

    /// <summary>The geometric mean of the ratios of medians.</summary>
    public double? MeanMedianRatio => GeometricMean(Rows.Where(r => r.MedianRatio is not null).Select(r => r.MedianRatio!.Value));

    /// <summary>The rows with the smallest ratios.</summary>
    public IEnumerable<ResultRow> Worst(int count) => Rows.Where(r => r.Ratio is not null).OrderBy(r => r.Ratio).Take(count);

    /// <summary>The table as Markdown.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"## {Title}\n\n{Machine}; peer: {Peer}.\n\n");
        bool models = Rows.Count > 0 && Rows.TrueForAll(r => r.Operations == 0);
        text.Append(models
            ? "| model | ours ms | median | theirs ms | median | ratio | ratio of medians | difference |\n|---|--:|--:|--:|--:|--:|--:|--:|\n"
            : "| problem | implementation | ours µs | theirs µs | ours GOPS | theirs GOPS | ratio | ratio of medians | % of "
                + "peak |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n");
        foreach (ResultRow row in Rows)
            text.Append(models ? ModelLine(row) : ProblemLine(row));
        if (MeanRatio is { } mean)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"\nGeometric mean of ratios {mean:F3} (of medians {MeanMedianRatio:F3}) over "
                + $"{Rows.Count(r => r.Ratio is not null)}. Worst five: ");
            text.AppendJoin(", ", Worst(5).Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.Name} {r.Ratio:F2}")))
                .Append(".\n");
        }

        foreach (string remark in Mismatches.Concat(Remarks))
            text.Append(CultureInfo.InvariantCulture, $"\n- {remark}");
        return text.Append(Mismatches.Count + Remarks.Count > 0 ? "\n\n" : "\n").ToString();
    }

    /// <summary>The table as JSON: times in seconds, rates in operations per second.</summary>
    public JsonObject ToJson() => new()
    {
        ["title"] = Title,
        ["peer"] = Peer,
        ["machine"] = Machine,
        ["geometric_mean"] = MeanRatio,
        ["geometric_mean_of_medians"] = MeanMedianRatio,
        ["rows"] = new JsonArray([.. Rows.Select(r => new JsonObject
        {
            ["name"] = r.Name,
            ["implementations"] = r.Implementations,
            ["operations"] = r.Operations,
            ["ours_min_s"] = r.Ours.Minimum,
            ["ours_median_s"] = r.Ours.Median,
            ["theirs_min_s"] = r.Theirs?.Minimum,
            ["theirs_median_s"] = r.Theirs?.Median,
            ["ratio"] = r.Ratio,
            ["peak_operations_per_s"] = r.Peak,
            ["peak_share"] = r.PeakShare,
            ["difference"] = r.Difference,
        })]),
        ["mismatches"] = new JsonArray([.. Mismatches.Select(m => (JsonNode)m)]),
        ["remarks"] = new JsonArray([.. Remarks.Select(r => (JsonNode)r)]),
    };

    private static string ProblemLine(ResultRow r) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {r.Name} | {r.Implementations} | {r.Ours.Minimum * 1e6:F1} | {r.Theirs?.Minimum * 1e6:F1} | {r.Operations / r.Ours.Minimum / 1e9:F1} | {r.Operations / r.Theirs?.Minimum / 1e9:F1} | {r.Ratio:F2} | {r.MedianRatio:F2} | {r.PeakShare * 100:F0} |\n");

    private static string ModelLine(ResultRow r) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {r.Name} | {r.Ours.Minimum * 1e3:F3} | {r.Ours.Median * 1e3:F3} | {r.Theirs?.Minimum * 1e3:F3} | {r.Theirs?.Median * 1e3:F3} | {r.Ratio:F2} | {r.MedianRatio:F2} | {r.Difference:G2} |\n");
}
