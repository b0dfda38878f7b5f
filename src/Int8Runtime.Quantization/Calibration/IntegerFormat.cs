// Integers of 2 to 8 bits and the reals that are rounded to them.
namespace Int8Runtime.Quantization;

/// <summary>The integers that a quantizer may produce.</summary>
public readonly record struct IntegerFormat
{
    /// <summary>Creates a format.</summary>
    /// <param name="bits">2 to 8.</param>
    /// <param name="isSigned">True for −2^(bits−1) … 2^(bits−1)−1, false for 0 … 2^bits−1.</param>
    /// <param name="isRestricted">True to leave out the lowest signed integer, so that the format is symmetric around 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">Bits outside 2 to 8.</exception>
    public IntegerFormat(int bits, bool isSigned, bool isRestricted = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bits, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bits, 8);
        Bits = bits;
        Minimum = isSigned ? -(1 << (bits - 1)) + (isRestricted ? 1 : 0) : 0;
        Maximum = isSigned ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
    }

    /// <summary>Number of bits.</summary>
    public int Bits { get; }

    /// <summary>The smallest integer.</summary>
    public int Minimum { get; }

    /// <summary>The largest integer.</summary>
    public int Maximum { get; }

    /// <summary>True if there are negative integers.</summary>
    public bool IsSigned => Minimum < 0;

    /// <summary>The 8-bit type that stores the integers.</summary>
    public DataType StorageType => IsSigned ? DataType.Int8 : DataType.UInt8;

    /// <summary>
    /// Rounds <c>value / scale</c> to the nearest integer, ties to even, adds the zero point and saturates. NaN becomes the
    /// smallest integer, as in every kernel.
    /// </summary>
    public int Quantize(float value, float scale, int zeroPoint = 0)
    {
        float rounded = MathF.Round(value / scale, MidpointRounding.ToEven);
        return float.IsNaN(rounded) ? Minimum : (int)Math.Clamp((double)rounded + zeroPoint, Minimum, Maximum);
    }
}
