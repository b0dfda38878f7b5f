// From a range of reals to scale and zero point.
namespace Int8Runtime.Quantization;

/// <summary>Scale, zero point and type of a quantized tensor: <c>real = Scale·(q − ZeroPoint)</c>.</summary>
/// <param name="DataType">u8 or s8.</param>
/// <param name="Scale">Size of one step.</param>
/// <param name="ZeroPoint">The integer that stands for 0.</param>
public readonly record struct QuantizationParameters(DataType DataType, float Scale, int ZeroPoint)
{
    /// <summary>
    /// Steps that are smaller lose the reciprocal's precision to denormals; a tensor this close to zero is zero for every
    /// purpose of inference.
    /// </summary>
    private const float SmallestScale = 1e-30f;

    /// <summary>The real values that the integers can express.</summary>
    public ValueRange Range
    {
        get
        {
            (int min, int max) = DataType.IntegerRange();
            return new ValueRange(Scale * (min - ZeroPoint), Scale * (max - ZeroPoint));
        }
    }

    /// <summary>
    /// Asymmetric u8: 256 steps from the minimum to the maximum, extended so that real 0 is exactly an integer (padding
    /// stays exact).
    /// </summary>
    public static QuantizationParameters Asymmetric(ValueRange range)
    {
        double low = Math.Min(0, range.IsEmpty ? 0 : range.Minimum), high = Math.Max(0, range.IsEmpty ? 0 : range.Maximum);
        if (high - low < 255 * SmallestScale)
            return new QuantizationParameters(DataType.UInt8, 1, 0);
        var scale = (float)((high - low) / 255);
        int zeroPoint = (int)Math.Clamp(Math.Round(-low / scale, MidpointRounding.ToEven), 0, 255);
        return new QuantizationParameters(DataType.UInt8, scale, zeroPoint);
    }

    /// <summary>
    /// Symmetric with zero point 0: u8 where no value is negative (all 256 steps are used), s8 from −127 to 127 otherwise.
    /// </summary>
    public static QuantizationParameters Symmetric(ValueRange range)
    {
        if (range.IsEmpty)
            return new QuantizationParameters(DataType.UInt8, 1, 0);
        bool signed = range.Minimum < 0;
        float magnitude = Math.Max(Math.Abs(range.Minimum), Math.Abs(range.Maximum));
        float scale = magnitude / (signed ? 127 : 255);
        return new QuantizationParameters(signed ? DataType.Int8 : DataType.UInt8, scale < SmallestScale ? 1 : scale, 0);
    }
}
