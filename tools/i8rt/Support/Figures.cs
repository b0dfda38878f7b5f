// Numbers as people read them.
using System.Globalization;

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

    /// <summary>A time in milliseconds or microseconds.</summary>
    public static string Time(double milliseconds) => milliseconds >= 1
        ? Invariant($"{milliseconds:F2} ms")
        : Invariant($"{milliseconds * 1000:F1} µs");

    /// <summary>A share as percentage.</summary>
    public static string Percent(double share) => Invariant($"{share * 100:F2} %");

    /// <summary>Formats with the invariant culture.</summary>
    public static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
