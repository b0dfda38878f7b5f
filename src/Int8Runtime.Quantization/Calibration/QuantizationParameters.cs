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
    /// Asymmetric, unsigned: 2^bits steps from the minimum to the maximum, extended so that real 0 is exactly an integer (padding
    /// stays exact).
    /// </summary>
    /// <param name="range">The reals to cover.</param>
    /// <param name="bits">2 to 8.</param>
    public static QuantizationParameters Asymmetric(ValueRange range, int bits = 8)
    {
        int steps = new IntegerFormat(bits, isSigned: false).Maximum;
        double low = Math.Min(0, range.IsEmpty ? 0 : range.Minimum), high = Math.Max(0, range.IsEmpty ? 0 : range.Maximum);
        if (high - low < steps * SmallestScale)
            return new QuantizationParameters(DataType.UInt8, 1, 0);
        var scale = (float)((high - low) / steps);
        return new QuantizationParameters(DataType.UInt8, scale, ZeroPointOf(low, scale, steps));
    }

    /// <summary>
    /// Symmetric with zero point 0: unsigned where no value is negative (all steps are used), otherwise signed without the
    /// lowest integer (−127 to 127 for 8 bits).
    /// </summary>
    /// <param name="range">The reals to cover.</param>
    /// <param name="bits">2 to 8.</param>
    public static QuantizationParameters Symmetric(ValueRange range, int bits = 8)
    {
        if (range.IsEmpty)
            return new QuantizationParameters(DataType.UInt8, 1, 0);
        var format = new IntegerFormat(bits, isSigned: range.Minimum < 0);
        float magnitude = Math.Max(Math.Abs(range.Minimum), Math.Abs(range.Maximum));
        float scale = magnitude / format.Maximum;
        return new QuantizationParameters(format.StorageType, scale < SmallestScale ? 1 : scale, 0);
    }

    /// <summary>
    /// The same type with the next larger power of two as scale, so that rescaling is a shift (Courbariaux et al.,
    /// "Training deep neural networks with low precision multiplications", arXiv:1412.7024).
    /// </summary>
    /// <param name="range">The reals that were to be covered.</param>
    /// <param name="bits">2 to 8.</param>
    public QuantizationParameters WithPowerOfTwoScale(ValueRange range, int bits = 8)
    {
        var scale = (float)Math.ScaleB(1, (int)Math.Ceiling(Math.Log2(Scale)));
        if (ZeroPoint == 0)
            return this with { Scale = scale };
        int steps = new IntegerFormat(bits, isSigned: false).Maximum;
        return this with { Scale = scale, ZeroPoint = ZeroPointOf(Math.Min(0, range.Minimum), scale, steps) };
    }

    private static int ZeroPointOf(double low, float scale, int steps) =>
        (int)Math.Clamp(Math.Round(-low / scale, MidpointRounding.ToEven), 0, steps);
}
