// Numbers as people read them.
using System.Globalization;
using System.Text.Json.Nodes;

namespace Int8Runtime.Cli;

/// <summary>Formats quantities.</summary>
internal static class Figures
{
    /// <summary>Bytes in the largest unit that leaves at least one digit before the point.</summary>
    public static string Bytes(long bytes) => bytes switch
    {
        >= 1L << 30 => Invariant($"{bytes / (double)(1L << 30):F2} GiB"),
        >= 1L << 20 => Invariant($"{bytes / (double)(1L << 20):F2} MiB"),
        >= 1L << 10 => Invariant($"{bytes / (double)(1L << 10):F1} KiB"),
        _ => Invariant($"{bytes} B"),
    };

    /// <summary>A time in seconds, milliseconds or microseconds.</summary>
    public static string Time(double milliseconds) => milliseconds switch
    {
        >= 10_000 => Invariant($"{milliseconds / 1000:F2} s"),
        >= 1 => Invariant($"{milliseconds:F2} ms"),
        _ => Invariant($"{milliseconds * 1000:F1} µs"),
    };

    /// <summary>A number of things.</summary>
    public static string Count(int number, string thing) => Invariant($"{number} {thing}{(number == 1 ? "" : "s")}");

    /// <summary>A quotient.</summary>
    public static string Ratio(double value) => Invariant($"{value:F3}×");

    /// <summary>A duration in seconds.</summary>
    public static string Seconds(TimeSpan duration) => Invariant($"{duration.TotalSeconds:F1} s");

    /// <summary>A share as percentage.</summary>
    public static string Percent(double share) => Invariant($"{share * 100:F2} %");

    /// <summary>A speed compared with another, in words that are right either way.</summary>
    public static string SpeedUp(double factor) => factor >= 1
        ? Invariant($"{factor:F2}× faster")
        : Invariant($"{1 / factor:F2}× slower");

    /// <summary>A text of at most <paramref name="length"/> characters; what is too long loses its middle.</summary>
    public static string Shorten(string text, int length) => text.Length <= length
        ? text
        : string.Concat(text.AsSpan(0, (length - 1) / 2), "…", text.AsSpan(text.Length - (length / 2)));

    /// <summary>A number for JSON, which has no NaN and no infinities: those become null.</summary>
    public static JsonNode? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;

    /// <summary>Formats with the invariant culture.</summary>
    public static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
