// Over which dimensions of an operand scales, zero points or the operand of a post-op vary: per_oc, per_dim_01, 5, per_ocic:f32:32x1.
using System.Globalization;

namespace Int8Runtime.Bench;

/// <summary>A policy of benchdnn.</summary>
/// <param name="Mask">A bit for each dimension over which values vary.</param>
/// <param name="Groups">Extents of groups of neighbours that share a value, for every dimension.</param>
internal readonly record struct Policy(int Mask, int[] Groups)
{
    private const string PerDimension = "per_dim_";

    /// <summary>Reads the fields of <c>wei:per_ocic:f32:32x1</c>; groups are those of the last dimensions.</summary>
    /// <param name="fields">Argument, policy, type, groups; also with a value before the type.</param>
    /// <param name="shape">The dimensions of the operand.</param>
    /// <param name="channels">The dimensions that per_oc means.</param>
    /// <param name="isMatrix">Whether per_ocic means the last two dimensions.</param>
    /// <exception cref="SkipException">The operand has fewer dimensions.</exception>
    public static Policy Parse(string[] fields, Shape shape, int channels, bool isMatrix)
    {
        string name = fields.Length > 1 ? fields[1] : "common";
        int mask = isMatrix && name == "per_ocic" ? 3 << (shape.Rank - 2) : MaskOf(name, shape.Rank, channels);
        int[] groups = [.. Enumerable.Repeat(1, shape.Rank)];
        if (Array.Find(fields, field => field.Contains('x', StringComparison.Ordinal) && char.IsAsciiDigit(field[0])) is { } text)
        {
            int[] sizes = [.. text.Split('x').Select(ProductDrivers.Whole)];
            if (sizes.Length > shape.Rank)
                throw new SkipException(SkipReason.InvalidCombination, $"groups {text} in {shape}");
            sizes.CopyTo(groups, shape.Rank - sizes.Length);
        }

        return new Policy(mask, groups);
    }

    /// <summary>A bit for each dimension over which values vary.</summary>
    /// <param name="name">Name of the policy, or the mask itself.</param>
    /// <param name="rank">Number of dimensions.</param>
    /// <param name="channels">The dimensions that per_oc means.</param>
    /// <exception cref="SkipException">The operand has fewer dimensions.</exception>
    public static int MaskOf(string name, int rank, int channels)
    {
        int all = (1 << rank) - 1, spatial = all & ~3, last = 1 << (rank - 1);
        int mask = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int bits) ? bits : name switch
        {
            "common" or "host_scalar" or "" => 0,
            "per_oc" => channels,
            "per_ocic" => 3,
            "per_tensor" => all,
            "per_spatial" => spatial,
            "per_mb" => 1,
            "per_mb_spatial" => 1 | spatial,
            "per_w" => last,
            "per_mb_w" => 1 | last,
            "per_hw" => last | (last >> 1),
            _ when name.StartsWith(PerDimension, StringComparison.Ordinal) && name.AsSpan(PerDimension.Length).IndexOfAnyExceptInRange('0', '9') < 0
                => name[PerDimension.Length..].Aggregate(0, (dimensions, digit) => dimensions | (1 << (digit - '0'))),
            _ => throw new UnimplementedException($"values over {name}"),
        };
        return mask <= all
            ? mask : throw new SkipException(SkipReason.InvalidCombination, $"{name} of {rank} dimensions");
    }

    /// <summary>Whether values vary over a dimension.</summary>
    public bool Has(int dimension) => (Mask >> dimension & 1) != 0;

    /// <summary>
    /// The number of the value at each place of a grid over the operand, in row-major order.
    /// </summary>
    /// <param name="shape">The dimensions of the operand.</param>
    /// <param name="grid">Places in each dimension.</param>
    /// <param name="step">Elements from a place to the next.</param>
    public IEnumerable<int> Values(Shape shape, Shape grid, int[] step)
    {
        var place = new int[shape.Rank];
        for (long i = 0; i < grid.ElementCount; i++)
        {
            int index = 0;
            for (int d = 0; d < shape.Rank; d++)
            {
                if (Has(d))
                    index = (index * ((shape[d] + Groups[d] - 1) / Groups[d])) + (place[d] * step[d] / Groups[d]);
            }

            yield return index;
            for (int d = shape.Rank - 1; d >= 0 && ++place[d] == grid[d]; d--)
                place[d] = 0;
        }
    }
}
