// Numbers that look random and follow from a number alone, so that they are the same on every machine and in any order.
namespace Int8Runtime.Diagnostics;

/// <summary>The generator of Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014.</summary>
internal static class SplitMix64
{
    /// <summary>The number that belongs to <paramref name="index"/>; all 64 bits are as good as random.</summary>
    public static ulong At(ulong index)
    {
        ulong value = (index + 1) * 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
