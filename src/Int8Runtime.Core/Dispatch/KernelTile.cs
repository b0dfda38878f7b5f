// The size of a matrix kernel's tile, as it is told between engine, plans and tuning.
using System.Globalization;

namespace Int8Runtime;

/// <summary>A tile of the matrix kernel: what accumulators it holds.</summary>
/// <param name="Rows">Rows of the destination (MR), for example pixels.</param>
/// <param name="Vectors">Vectors of columns (NR), for example 16 channels each on AVX-512.</param>
public readonly record struct KernelTile(int Rows, int Vectors)
{
    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    public static bool TryParse(string? text, out KernelTile tile)
    {
        tile = default;
        if (text?.Split('x') is not [var rows, var vectors]
            || !int.TryParse(rows, NumberStyles.None, CultureInfo.InvariantCulture, out int r) || r < 1
            || !int.TryParse(vectors, NumberStyles.None, CultureInfo.InvariantCulture, out int v) || v < 1)
            return false;
        tile = new KernelTile(r, v);
        return true;
    }

    /// <summary>For example <c>6x4</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Rows}x{Vectors}");
}
