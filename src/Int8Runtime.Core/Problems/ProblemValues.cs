// The scales and zero points that i8bench makes up where its notation names only their number.
namespace Int8Runtime;

/// <summary>Values of scales and zero points per channel or group.</summary>
internal static class ProblemValues
{
    /// <summary>The scale of channel or group <paramref name="index"/>.</summary>
    public static float Scale(int index) => MathF.ScaleB(1, (index % 4) - 2);

    /// <summary>The zero point of channel or group <paramref name="index"/>.</summary>
    public static int ZeroPoint(int index) => index % 5;

    /// <summary>Whether scales are those that i8bench makes up.</summary>
    public static bool Are(ReadOnlySpan<float> scales)
    {
        for (int i = 0; i < scales.Length; i++)
            if (scales[i] != Scale(i))
                return false;
        return true;
    }

    /// <summary>Whether zero points are those that i8bench makes up.</summary>
    public static bool Are(ReadOnlySpan<int> zeroPoints)
    {
        for (int i = 0; i < zeroPoints.Length; i++)
            if (zeroPoints[i] != ZeroPoint(i))
                return false;
        return true;
    }
}
