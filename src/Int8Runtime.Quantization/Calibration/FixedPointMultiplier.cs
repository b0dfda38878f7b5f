// Requantization without floating point: an integer multiplier and a shift.
namespace Int8Runtime.Quantization;

/// <summary>
/// A real factor in (0, 1) as <c>Multiplier · 2^−31 · 2^−Shift</c> with a 31-bit multiplier in [2^30, 2^31): the form in
/// which gemmlowp and TensorFlow Lite rescale s32 sums (Jacob et al., "Quantization and training of neural networks for
/// efficient integer-arithmetic-only inference", arXiv:1712.05877, section 2.2). It is the reference for devices without
/// floating point; kernels here multiply in f32, which differs by one step at most.
/// </summary>
public readonly record struct FixedPointMultiplier
{
    private FixedPointMultiplier(int multiplier, int shift)
    {
        Multiplier = multiplier;
        Shift = shift;
    }

    /// <summary>The 31-bit multiplier.</summary>
    public int Multiplier { get; }

    /// <summary>Bits to shift right after the multiplication, 0 to 31.</summary>
    public int Shift { get; }

    /// <summary>The factor that is really applied.</summary>
    public double Value => Math.ScaleB(Multiplier, -31 - Shift);

    /// <summary>The nearest factor.</summary>
    /// <param name="factor">2^−31 ≤ factor &lt; 1, usually source scale · weight scale / destination scale.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is outside that interval.</exception>
    public static FixedPointMultiplier FromReal(double factor)
    {
        if (!(factor >= Math.ScaleB(1, -31) && factor < 1))
            throw new ArgumentOutOfRangeException(nameof(factor), factor, "The factor has to be in [2^-31, 1).");
        int exponent = Math.ILogB(factor);   // factor = m · 2^exponent, 1 ≤ m < 2
        long multiplier = (long)Math.Round(Math.ScaleB(factor, 30 - exponent));
        if (multiplier == 1L << 31)
        {
            multiplier >>= 1;
            exponent++;
        }

        // A factor that rounds up to 1 is the largest one below it.
        return exponent == 0 ? new FixedPointMultiplier(int.MaxValue, 0) : new FixedPointMultiplier((int)multiplier, -exponent - 1);
    }

    /// <summary>
    /// <c>round(value · Value)</c>: a rounding doubling high multiplication and a rounding shift, as gemmlowp does it. The
    /// first rounds ties up, the second away from zero.
    /// </summary>
    public int Apply(int value)
    {
        long product = (long)value * Multiplier;
        int high = (int)((product + (1L << 30)) >> 31);
        if (Shift == 0)
            return high;
        int mask = (int)((1L << Shift) - 1), remainder = high & mask, threshold = (mask >> 1) + (high < 0 ? 1 : 0);
        return (high >> Shift) + (remainder > threshold ? 1 : 0);
    }

    /// <summary>Rescales a sum, adds the zero point and saturates.</summary>
    public int Requantize(int sum, int zeroPoint, IntegerFormat format) =>
        (int)Math.Clamp((long)Apply(sum) + zeroPoint, format.Minimum, format.Maximum);
}
