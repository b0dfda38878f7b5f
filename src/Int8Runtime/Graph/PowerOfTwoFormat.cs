// E8M0: powers of two in 8 bits, the scales of block formats.
namespace Int8Runtime.Graph;

/// <summary>Conversion to and from codes that are the biased exponent of a power of two; 255 is NaN.</summary>
internal static class PowerOfTwoFormat
{
    /// <summary>The power of two of a code.</summary>
    public static float Decode(byte code) => code == byte.MaxValue ? float.NaN : MathF.ScaleB(1, code - 127);

    /// <summary>The code of the magnitude of a number.</summary>
    /// <param name="value">The number; its sign is dropped.</param>
    /// <param name="rounding"><c>up</c>, <c>down</c> or <c>nearest</c>.</param>
    public static byte Encode(float value, string rounding)
    {
        float magnitude = MathF.Abs(value);
        if (!float.IsFinite(magnitude))
            return byte.MaxValue;
        float lowest = MathF.ScaleB(1, -127);
        if (magnitude <= lowest)
            return 0;
        int exponent = MathF.ILogB(magnitude);
        float fraction = MathF.ScaleB(magnitude, -exponent);   // in [1, 2)
        bool next = rounding switch
        {
            "down" => false,
            "nearest" => fraction >= 1.5f,
            _ => fraction > 1,
        };
        return (byte)Math.Min(exponent + (next ? 1 : 0) + 127, 254);
    }
}
