// Numbers and lists as IR files spell them: "1, 1", "1,1", "1.0,1.0", "True", "".
using System.Globalization;

namespace Int8Runtime.OpenVino.Import;

/// <summary>Parses attribute values; null where the text is not of the wanted kind.</summary>
internal static class IrText
{
    public static long? Integer(string text)
    {
        if (long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out long integer))
            return integer;
        // Some versions of the converter wrote integers as reals.
        return Real(text) is { } real && real == Math.Truncate(real) && Math.Abs(real) < 1L << 53 ? (long)real : null;
    }

    public static double? Real(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double real) ? real
        : text.Trim().ToLowerInvariant() switch
        {
            "inf" or "+inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            "nan" => double.NaN,
            _ => null,
        };

    public static bool? Boolean(string text) => text.Trim().ToLowerInvariant() switch
    {
        "true" or "1" => true,
        "false" or "0" => false,
        _ => null,
    };

    public static long[]? Integers(string text) => List(text, Integer);

    public static double[]? Reals(string text) => List(text, Real);

    private static T[]? List<T>(string text, Func<string, T?> parse) where T : struct
    {
        if (string.IsNullOrWhiteSpace(text))
            return [];
        T?[] values = Array.ConvertAll(text.Split(','), part => parse(part));
        return Array.TrueForAll(values, v => v.HasValue) ? Array.ConvertAll(values, v => v!.Value) : null;
    }
}
