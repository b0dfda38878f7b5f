// The drawings of the page, as inline SVG.
using System.Xml.Linq;
using static Int8Runtime.Quantization.Reporting.PageElements;

namespace Int8Runtime.Quantization.Reporting;

/// <summary>Draws.</summary>
internal static class ReportCharts
{
    /// <summary>Signal to noise of every layer in the order of execution: a dot for each layer, a line through them.</summary>
    public static XElement Noise(IReadOnlyList<LayerReport> layers)
    {
        const double Width = 960, Height = 240, Left = 44, Right = 12, Top = 14, Bottom = 30;
        (LayerReport Layer, double Sqnr, int Index)[] points =
            [.. layers.Select((l, i) => (l, l.Similarity?.Sqnr ?? double.NaN, i)).Where(p => double.IsFinite(p.Item2))];
        double high = Math.Max(40, Math.Ceiling(points.Select(p => p.Sqnr).DefaultIfEmpty(40).Max() / 10) * 10);
        double low = Math.Min(0, Math.Floor(points.Select(p => p.Sqnr).DefaultIfEmpty(0).Min() / 10) * 10);
        double X(int index) => Left + ((Width - Left - Right) * (layers.Count == 1 ? 0.5 : index / (layers.Count - 1.0)));
        double Y(double sqnr) => Top + ((Height - Top - Bottom) * (high - sqnr) / (high - low));
        XElement chart = E("svg", A("viewBox", Text($"0 0 {Width} {Height}")), Class("noise"), A("role", "img"),
            A("aria-label", "Signal to noise of each layer"));
        for (double value = low; value <= high; value += 10)
        {
            chart.Add(E("line", Class("grid"), A("x1", Coordinate(Left)), A("x2", Coordinate(Width - Right)),
                A("y1", Coordinate(Y(value))), A("y2", Coordinate(Y(value)))));
            chart.Add(E("text", Class("tick"), A("x", Coordinate(Left - 8)), A("y", Coordinate(Y(value) + 4)),
                A("text-anchor", "end"), Text($"{value:0}")));
        }

        chart.Add(E("text", Class("tick"), A("x", Coordinate(Left)), A("y", Coordinate(Height - 8)), "input"));
        chart.Add(E("text", Class("tick"), A("x", Coordinate(Width - Right)), A("y", Coordinate(Height - 8)),
            A("text-anchor", "end"), "output"));
        chart.Add(E("polyline", Class("trend"),
            A("points", string.Join(' ', points.Select(p => $"{Coordinate(X(p.Index))},{Coordinate(Y(p.Sqnr))}")))));
        foreach ((LayerReport layer, double sqnr, int index) in points)
        {
            chart.Add(E("circle", Class(layer.IsInt8 ? "dot" : "dot float"), A("cx", Coordinate(X(index))),
                A("cy", Coordinate(Y(sqnr))), A("r", "4.5"),
                E("title", $"{layer.Name} ({layer.OpType}, {layer.Precision}): {Decibel(sqnr)}")));
        }

        return chart;
    }

    /// <summary>A histogram with logarithmic counts; what lies outside the chosen range is shaded.</summary>
    public static XElement Histogram(ActivationReport activation)
    {
        const double Width = 320, Height = 110, Bottom = 20, Top = 6;
        int bins = activation.Counts.Count;
        double end = activation.Start + (activation.Width * bins), tallest = Math.Log10(1 + (double)activation.Counts.Max());
        double X(double value) => Math.Clamp(Width * (value - activation.Start) / (end - activation.Start), 0, Width);
        double Y(long count) => Height - Bottom - ((Height - Bottom - Top) * (tallest == 0 ? 0 : Math.Log10(1 + (double)count) / tallest));
        XElement chart = E("svg", A("viewBox", Text($"0 0 {Width} {Height}")), A("role", "img"),
            A("aria-label", $"Histogram of {activation.Name}"));
        double low = X(activation.Range.Minimum), high = X(activation.Range.Maximum);
        chart.Add(Rectangle("outside", 0, Top, low, Height - Bottom - Top),
            Rectangle("outside", high, Top, Width - high, Height - Bottom - Top));
        var path = new System.Text.StringBuilder(Text($"M0 {Coordinate(Height - Bottom)}"));
        for (int i = 0; i < bins; i++)
        {
            string y = Coordinate(Y(activation.Counts[i]));
            path.Append(Text($"L{Coordinate(Width * i / bins)} {y}L{Coordinate(Width * (i + 1) / bins)} {y}"));
        }

        chart.Add(E("path", Class("area"), A("d", path.Append(Text($"L{Coordinate(Width)} {Coordinate(Height - Bottom)}Z")).ToString())));
        foreach ((double x, float value, string anchor) in new[] { (low, activation.Range.Minimum, "start"),
            (high, activation.Range.Maximum, "end") })
        {
            chart.Add(E("line", Class("threshold"), A("x1", Coordinate(x)), A("x2", Coordinate(x)), A("y1", Coordinate(Top)),
                A("y2", Coordinate(Height - Bottom))));
            chart.Add(E("text", Class("tick"), A("x", Coordinate(x)), A("y", Coordinate(Height - 5)), A("text-anchor", anchor),
                Text($"{value:G4}")));
        }

        return chart;
    }

    private static XElement Rectangle(string kind, double x, double y, double width, double height) => E(
        "rect", Class(kind), A("x", Coordinate(x)), A("y", Coordinate(y)), A("width", Coordinate(Math.Max(0, width))),
        A("height", Coordinate(height)));
}
