// The part of the page about what was pruned before quantization.
using System.Xml.Linq;
using Int8Runtime.Quantization.Pruning;
using static Int8Runtime.Quantization.Reporting.PageElements;

namespace Int8Runtime.Quantization.Reporting;

/// <summary>Parameters and operations of each node before and after pruning.</summary>
internal static class PruningPage
{
    /// <summary>The section, or null where nothing was pruned.</summary>
    public static XElement? Section(ModelReport report) => report.Pruning is not { } pruning
        ? null
        : ReportPage.Section("pruning", "Pruning",
            "Parameters and floating-point operations (two for each multiply-accumulate) of each node, before and after filters were "
            + "removed.",
            E("div", Class("scroll"), E("table", Class("sortable"),
                E("thead", E("tr",
                    E("th", A("tabindex", "0"), "Node"), E("th", A("tabindex", "0"), "Operator"),
                    Heading("Parameters"), Heading("left"), Heading("FLOPs"), Heading("left"))),
                E("tbody", pruning.Nodes.Select((n, i) => E("tr",
                    E("td", Class("wide"), ReportPage.Name(n.Name)), E("td", n.OpType),
                    Cells($"pruning.nodes[{i}].parameters", n.Parameters), Cells($"pruning.nodes[{i}].flops", n.Flops)))),
                E("tfoot", E("tr",
                    E("td", "Total"), E("td"), Cells("pruning.parameters", pruning.Parameters), Cells("pruning.flops", pruning.Flops))))));

    private static XElement Heading(string title) => E("th", Class("r"), A("tabindex", "0"), title);

    private static XElement[] Cells(string key, Change change) =>
    [
        Cell(key + ".before", change.Before, Text($"{change.Before:N0}")),
        Cell(key + ".after", change.After,
            Text($"{change.After:N0}") + (change.Before > 0 ? Text($" (−{change.Reduction * 100:F1} %)") : "")),
    ];

    private static XElement Cell(string key, long value, string text) =>
        E("td", Class("r"), A("data-sort", Text($"{value}")), Number(key, value, text));
}
