// How far a result may be from the reference.
namespace Int8Runtime;

/// <summary>
/// A bound on the difference between a result and the reference: equal, or within <see cref="Ulps"/> units in the last
/// place, or within <c>Absolute + Relative·|expected|</c>. For integers one unit is one step. Two NaNs are equal, and so
/// are zeros of both signs.
/// </summary>
/// <param name="Ulps">Units in the last place of the tensor's type.</param>
/// <param name="Relative">Factor of the expected value.</param>
/// <param name="Absolute">Constant bound.</param>
public readonly record struct Tolerance(int Ulps, double Relative = 0, double Absolute = 0)
{
    /// <summary>The same value.</summary>
    public static Tolerance Exact => default;

    /// <summary>At most <paramref name="relative"/>·|expected| + <paramref name="absolute"/> apart.</summary>
    public static Tolerance Within(double relative, double absolute) => new(0, relative, absolute);

    /// <summary>For f32 sums of <paramref name="terms"/> products of values in [−1, 1] in any order.</summary>
    public static Tolerance ForFloatSum(long terms) => new(0, 1e-5, 1.2e-7 * Math.Max(16, terms));

    /// <summary>True if <paramref name="actual"/> is close enough to <paramref name="expected"/>.</summary>
    /// <param name="expected">The reference's value.</param>
    /// <param name="actual">The value to be judged.</param>
    /// <param name="type">The type in which both are stored.</param>
    public bool Accepts(float expected, float actual, DataType type)
    {
        if (expected == actual || (float.IsNaN(expected) && float.IsNaN(actual)))
            return true;
        if (float.IsNaN(expected) || float.IsNaN(actual))
            return false;
        if (Ulps > 0 && Distance(expected, actual, type) <= Ulps)
            return true;
        return Math.Abs((double)actual - expected) <= Absolute + (Relative * Math.Abs((double)expected));
    }

    // Both values are representable in the type, so its unit is the f32 unit shifted by the mantissa bits it lacks.
    private static long Distance(float a, float b, DataType type) => type switch
    {
        DataType.Float32 => Math.Abs(Ordered(a) - Ordered(b)),
        DataType.BFloat16 => Math.Abs(Ordered(a) - Ordered(b)) >> 16,
        DataType.Float16 => Math.Abs(Ordered(a) - Ordered(b)) >> 13,
        _ => (long)Math.Abs((double)a - b),
    };

    private static long Ordered(float value)
    {
        int bits = BitConverter.SingleToInt32Bits(value);
        return bits < 0 ? int.MinValue - (long)bits : bits;
    }
}
