// The report as one self-contained page: no script, style, font or picture comes from elsewhere.
using System.Xml.Linq;
using static Int8Runtime.Quantization.Reporting.PageElements;

namespace Int8Runtime.Quantization.Reporting;

/// <summary>Renders a report as HTML that is also well-formed XML. Equal reports give equal pages.</summary>
public static class ReportPage
{
    /// <summary>Histograms that are shown before the reader asks for more.</summary>
    private const int FirstHistograms = 9;

    /// <summary>More nodes than this are listed by reason, each list closed.</summary>
    private const int LongList = 24;

    /// <summary>Renders the page.</summary>
    public static string Write(ModelReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        XElement page = E("html", A("lang", "en"),
            E("head",
                E("meta", A("charset", "utf-8")), E("meta", A("name", "viewport"), A("content", "width=device-width, initial-scale=1")),
                E("title", $"{report.Model}: f32 and int8"), E("style", Resource("report.css"))),
            E("body",
                E("main",
                    E("header", E("p", Class("eyebrow"), "Quantization report"), E("h1", report.Model)),
                    Summary(report), Cards(report), Contents(report), Noise(report), LayerTable(report), PruningPage.Section(report),
                    Exclusions(report), Histograms(report), FloatNodes(report), Conditions(report)),
                E("script", Resource("report.js"))));
        return "<!DOCTYPE html>\n" + page.ToString(SaveOptions.DisableFormatting) + "\n";
    }

    internal static XElement Section(string id, string title, string explanation, params object?[] content) =>
        E("section", A("id", id), E("h2", title), E("p", Class("note"), explanation), content);

    private static XElement Summary(ModelReport report) =>
        E("section", Class("summary"), A("id", "summary"),
            ReportSummary.Sentences(report).Select((s, i) => E("p", i == 0 ? Class("lead") : null, s)));

    private static XElement Cards(ModelReport report)
    {
        var cards = new List<XElement>();
        if (report.Accuracy is { } accuracy)
        {
            cards.Add(Card("Top-1 accuracy", Number("accuracy.top1.int8", accuracy.Top1.Int8, Percent(accuracy.Top1.Int8)),
                "f32 ", Number("accuracy.top1.f32", accuracy.Top1.Float, Percent(accuracy.Top1.Float)), " · ",
                Number("accuracy.samples", accuracy.Samples, Text($"{accuracy.Samples} images"))));
        }

        cards.Add(Card("Output", Number("sqnr", report.Output.Sqnr, Decibel(report.Output.Sqnr)), "cosine ",
            Number("cosine", report.Output.Cosine, Text($"{report.Output.Cosine:F5}"))));
        cards.Add(Card("Time", Number("ms.int8", report.Milliseconds.Int8, Time(report.Milliseconds.Int8)), "f32 ",
            Number("ms.f32", report.Milliseconds.Float, Time(report.Milliseconds.Float)),
            Text($" · {report.Milliseconds.Float / report.Milliseconds.Int8:F2}×")));
        cards.Add(Card("File", Number("file_bytes.int8", report.FileBytes.Int8, Bytes(report.FileBytes.Int8)), "f32 ",
            Number("file_bytes.f32", report.FileBytes.Float, Bytes(report.FileBytes.Float)),
            Text($" · {report.FileBytes.Int8 / report.FileBytes.Float:F3}×")));
        cards.Add(Card("Memory of a run", Number("memory_bytes.int8", report.MemoryBytes.Int8, Bytes(report.MemoryBytes.Int8)), "f32 ",
            Number("memory_bytes.f32", report.MemoryBytes.Float, Bytes(report.MemoryBytes.Float)),
            Text($" · {report.MemoryBytes.Int8 / report.MemoryBytes.Float:F3}×")));
        cards.Add(Card("Layers in int8",
            E("span", Number("int8_layers", report.Int8Layers, Text($"{report.Int8Layers}")), " of ",
                Number("computing_layers", report.ComputingLayers, Text($"{report.ComputingLayers}"))),
            Number("clipped", report.Clipped, Percent(report.Clipped)), " clipped"));
        return E("div", Class("cards"), cards);
    }

    private static XElement Card(string title, XElement figure, params object[] detail) =>
        E("div", Class("card"), E("h3", title), E("div", Class("figure"), figure), E("div", Class("detail"), detail));

    private static XElement Contents(ModelReport report) => E("nav", new (string Id, string Title)[]
    {
        ("noise", "Noise"), ("layers", "Layers"), ("pruning", "Pruning"), ("exclude", "Exclude first"), ("ranges", "Ranges"),
        ("float", "In f32"), ("conditions", "Conditions"),
    }.Where(l => l.Id != "pruning" || report.Pruning is not null).Select(l => E("a", A("href", "#" + l.Id), l.Title)));

    private static XElement Noise(ModelReport report) => Section("noise", "Noise through the network",
        "Signal to quantization noise of each layer's result against the f32 model, in dB: 20 dB mean that the noise has a "
            + "tenth of the signal's amplitude. Errors of earlier layers are included. Hollow dots compute in f32.",
        E("div", Class("panel"), ReportCharts.Noise(report.Layers)));

    private static XElement LayerTable(ModelReport report)
    {
        double slowest = Math.Max(1e-9, report.Layers.Max(l => Math.Max(l.Milliseconds.Float, l.Milliseconds.Int8)));
        (string Title, bool Numeric)[] columns = [("#", true), ("Layer", false), ("Operator", false), ("Computed by", false),
            ("SQNR", true), ("Cosine", true), ("f32", true), ("int8", true), ("Speed-up", true)];
        return Section("layers", "Layers",
            "In the order of execution; a click on a heading sorts. A layer is one kernel with all nodes that it computes; quantizers that stand alone are not counted. "
            + "Times are those of the same nodes in the f32 model and in the int8 model.",
            E("div", Class("scroll"), E("table", Class("sortable"),
                E("thead", E("tr", columns.Select(c => E("th", c.Numeric ? Class("r") : null, A("tabindex", "0"), c.Title)))),
                E("tbody", report.Layers.Select((l, i) => LayerRow(l, i, slowest))))));
    }

    private static XElement LayerRow(LayerReport layer, int index, double slowest)
    {
        string key = Text($"layers[{index}]");
        double ratio = layer.Milliseconds.Int8 > 0 && layer.Milliseconds.Float > 0
            ? layer.Milliseconds.Float / layer.Milliseconds.Int8 : double.NaN;
        XElement SortCell(double value, object content) =>
            E("td", Class("r"), A("data-sort", double.IsNaN(value) ? "" : Math.Clamp(value, -1e9, 1e9)
                .ToString("R", System.Globalization.CultureInfo.InvariantCulture)), content);
        XElement TimeCell(string part, double value, string kind) => SortCell(value, E("div", Class("time"),
            Number(Text($"{key}.ms.{part}"), value, value == 0 ? "–" : Time(value)),
            E("span", Class("bar " + kind), A("style", Text($"width:{Coordinate(100 * value / slowest)}%")))));
        var name = new List<object> { Name(layer.Name) };
        if (layer.Fused.Count > 0)
            name.Add(E("div", Class("sub"), "with ", Breakable(string.Join(", ", layer.Fused))));
        name.AddRange(layer.Notes.Select(n => E("div", Class("sub remark"), n)));
        double sqnr = layer.Similarity?.Sqnr ?? double.NaN, cosine = layer.Similarity?.Cosine ?? double.NaN;
        return E("tr",
            SortCell(index, Text($"{index + 1}")),
            E("td", Class("wide"), name), E("td", layer.OpType),
            E("td", E("span", Class(layer.IsInt8 ? "tag int8" : "tag"), layer.Precision), E("div", Class("kernel"), Breakable(layer.Kernel, ':'))),
            SortCell(sqnr, Number(key + ".sqnr", sqnr, Decibel(layer.Similarity?.Sqnr))),
            SortCell(cosine, Number(key + ".cosine", cosine, double.IsNaN(cosine) ? "–" : Text($"{cosine:F5}"))),
            TimeCell("f32", layer.Milliseconds.Float, "f32"), TimeCell("int8", layer.Milliseconds.Int8, "int8"),
            SortCell(ratio, double.IsNaN(ratio) ? "–" : Text($"{ratio:F2}×")));
    }

    internal static XElement Name(string name) => E("div", Class("name"), Breakable(name));

    // Paths may break behind each slash rather than anywhere, names of kernels behind each colon.
    private static IEnumerable<object> Breakable(string text, char separator = '/')
    {
        string[] parts = text.Split(separator);
        for (int i = 0; i < parts.Length; i++)
        {
            yield return i < parts.Length - 1 ? parts[i] + separator : parts[i];
            if (i < parts.Length - 1)
                yield return E("wbr");
        }
    }

    private static XElement Exclusions(ModelReport report)
    {
        double best = report.Candidates.Select(c => c.Gain).DefaultIfEmpty(1).Max();
        return Section("exclude", "Exclude first if accuracy matters",
            "Each of the noisiest layers was put back to f32 alone; the gain is the rise of the signal to noise at the model's "
                + "output. Pass the name to --ignore.",
            report.Candidates.Count == 0
                ? E("p", "No single layer raises the signal to noise of the output.")
                : E("div", Class("scroll"), E("table",
                    E("thead", E("tr", E("th", Class("r"), "#"), E("th", "Layer"), E("th", "Operator"), E("th", Class("r"), "Gain"))),
                    E("tbody", report.Candidates.Select((c, i) => E("tr",
                        E("td", Class("r"), Text($"{i + 1}")), E("td", Class("wide"), Name(c.Name)), E("td", c.OpType),
                        E("td", Class("r"), E("div", Class("time"),
                            Number(Text($"exclude_first[{i}].gain"), c.Gain, Text($"+{c.Gain:F2} dB")),
                            E("span", Class("bar int8"), A("style", Text($"width:{Coordinate(100 * c.Gain / best)}%")))))))))));
    }

    private static XElement Histograms(ModelReport report)
    {
        XElement[] charts = [.. report.Activations.Select((a, i) => Histogram(a, i))];
        return Section("ranges", "Ranges of activations",
            (report.Conditions.IsHeldOut
                ? "Values on samples that calibration has not seen" : "Values on the calibration samples (the set has no others)")
                + "; counts are logarithmic. Lines mark the chosen range; values in the shaded parts are clipped. Most clipped first.",
            E("div", Class("charts"), charts.Take(FirstHistograms)),
            charts.Length <= FirstHistograms
                ? null : E("details", E("summary", Text($"{charts.Length - FirstHistograms} more")),
                    E("div", Class("charts"), charts.Skip(FirstHistograms))));
    }

    private static XElement Histogram(ActivationReport activation, int index)
    {
        string key = Text($"activations[{index}]");
        return E("figure", E("figcaption", E("div", Class("name"), activation.Name),
                E("div", Class("sub"), activation.Type, " · step ",
                    Number(key + ".scale", activation.Scale, Text($"{activation.Scale:G4}")), " · zero at ",
                    Number(key + ".zero_point", activation.ZeroPoint, Text($"{activation.ZeroPoint}")),
                    " · ", E("span", Class(activation.Clipped > 0.001 ? "warn" : "ok"),
                        Number(key + ".clipped", activation.Clipped, Percent(activation.Clipped)), " clipped"))),
            ReportCharts.Histogram(activation));
    }

    private static XElement FloatNodes(ModelReport report) =>
        Section("float", "What stays in f32, and why", "Nodes of the prepared model that do not compute with int8 operands.",
        report.FloatNodes.Count == 0
            ? E("p", "Every node runs on int8.")
            : report.FloatNodes.Count <= LongList
                ? FloatTable(report.FloatNodes)
                : report.FloatNodes.GroupBy(n => n.Reason).OrderByDescending(g => g.Count()).Select(g =>
                    E("details", E("summary", Text($"{g.Count()} nodes: {g.Key}")), FloatTable(g))));

    private static XElement FloatTable(IEnumerable<NodePrecision> nodes) => E("div", Class("scroll"), E("table",
        E("thead", E("tr", E("th", "Node"), E("th", "Operator"), E("th", "Reason"))),
        E("tbody", nodes.Select(n => E("tr", E("td", Class("wide"), Name(n.Name)), E("td", n.OpType), E("td", n.Reason))))));

    private static XElement Conditions(ModelReport report)
    {
        ReportConditions c = report.Conditions;
        (string Title, object Value)[] rows =
        [
            ("Data", c.Data), ("Samples that chose the ranges",
                Number("calibration_samples", c.CalibrationSamples, Text($"{c.CalibrationSamples}"))),
            ("Samples compared",
                E("span", Number("compared_samples", c.ComparedSamples, Text($"{c.ComparedSamples}")),
                    c.IsHeldOut ? ", not used for calibration" : ", also used for calibration")),
            ("CPU", c.Isa), ("Threads", Number("threads", c.Threads, Text($"{c.Threads}"))),
        ];
        return Section("conditions", "Conditions",
            "Both models were compiled by the same engine and run in turn. Times depend on the machine and on what else "
            + "runs there.",
            E("dl", rows.SelectMany(r => new[] { E("dt", r.Title), E("dd", r.Value) })));
    }

    private static string Resource(string name)
    {
        using Stream stream = typeof(ReportPage).Assembly.GetManifestResourceStream("Reporting/" + name)
            ?? throw new InvalidOperationException($"the library lacks its resource '{name}'");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
