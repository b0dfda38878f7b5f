// Building blocks of the page: elements that are well-formed XML and HTML at once, and numbers that carry their exact value.
using System.Globalization;
using System.Xml.Linq;

namespace Int8Runtime.Quantization.Reporting;

/// <summary>Creates elements.</summary>
internal static class PageElements
{
    private static readonly HashSet<string> Void = ["meta", "wbr", "path", "line", "rect", "circle", "polyline"];

    /// <summary>An element; one that may not be empty in HTML gets an end tag of its own.</summary>
    public static XElement E(string name, params object?[] content)
    {
        var element = new XElement(name, content);
        if (element.IsEmpty && !Void.Contains(name))
            element.Add("");
        return element;
    }

    /// <summary>An attribute.</summary>
    public static XAttribute A(string name, string value) => new(name, value);

    /// <summary>A class attribute.</summary>
    public static XAttribute Class(string value) => new("class", value);

    /// <summary>A number as people read it, with its exact value and its place in the JSON report.</summary>
    /// <param name="key">The place, for example <c>layers[3].sqnr</c>.</param>
    /// <param name="value">The exact value.</param>
    /// <param name="text">The text shown.</param>
    public static XElement Number(string key, double value, string text) => double.IsFinite(value)
        ? E("span", Class("n"), A("data-key", key), A("data-value", value.ToString("R", CultureInfo.InvariantCulture)), text)
        : E("span", Class("n none"), text);

    /// <summary>Formats with the invariant culture.</summary>
    public static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>A coordinate with two digits.</summary>
    public static string Coordinate(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    /// <summary>Bytes in a unit that leaves a digit before the point.</summary>
    public static string Bytes(double bytes) => bytes >= 1 << 20 ? Text($"{bytes / (1 << 20):F2} MiB") : Text($"{bytes / 1024:F1} KiB");

    /// <summary>A time.</summary>
    public static string Time(double milliseconds) =>
        milliseconds >= 1 ? Text($"{milliseconds:F2} ms") : Text($"{milliseconds * 1000:F0} µs");

    /// <summary>A share as percentage with the digits that matter.</summary>
    public static string Percent(double share) => share switch
    {
        0 => "0 %",
        < 1e-6 => "under 0.0001 %",
        < 0.0001 => Text($"{share * 100:0.0000} %"),
        < 0.01 => Text($"{share * 100:F3} %"),
        _ => Text($"{share * 100:F2} %"),
    };

    /// <summary>Decibels.</summary>
    public static string Decibel(double? value) => value switch
    {
        null => "–",
        double.PositiveInfinity => "exact",
        _ => Text($"{value:F1} dB"),
    };
}
