// Data types and layouts by benchdnn's names.
namespace Int8Runtime.Bench;

/// <summary>Reads type names and layout tags.</summary>
internal static class TypesAndTags
{
    /// <summary>A type of this library; types that are out of scope skip the case.</summary>
    public static DataType Type(string name) => name switch
    {
        "f32" => DataType.Float32,
        "bf16" => DataType.BFloat16,
        "f16" => DataType.Float16,
        "s32" => DataType.Int32,
        "s8" => DataType.Int8,
        "u8" => DataType.UInt8,
        "f64" => throw new SkipException(SkipReason.Float64, name),
        "s4" or "u4" => throw new SkipException(SkipReason.Int4, name),
        "e8m0" => throw new SkipException(SkipReason.Fp8, name),
        _ when name.StartsWith("f8_", StringComparison.Ordinal) => throw new SkipException(SkipReason.Fp8, name),
        _ when name.StartsWith("f4_", StringComparison.Ordinal) => throw new SkipException(SkipReason.Fp4, name),
        _ => throw new FormatException($"'{name}' is not a data type."),
    };

    /// <summary>One type for all operands, or one for each of <paramref name="count"/>.</summary>
    public static DataType[] Types(string text, int count)
    {
        DataType[] types = [.. text.Split(':').Select(Type)];
        return types.Length == count ? types
            : types.Length == 1 ? [.. Enumerable.Repeat(types[0], count)]
            : throw new SkipException(SkipReason.InvalidCombination, $"{types.Length} types for {count} operands");
    }

    /// <summary>The types of source, weights and destination, from --dt or the older --cfg (u8s8u8).</summary>
    public static DataType[] ProductTypes(Options options)
    {
        string text = options.Or("dt", "");
        if (text.Length == 0 && options["cfg"] is { Length: > 0 } cfg)
            text = System.Text.RegularExpressions.Regex.Replace(cfg, "(bf16|f16|f32|f64|s32|s8|u8)(?=.)", "$1:");
        return Types(text.Length == 0 ? "f32" : text, 3);
    }

    /// <summary>
    /// A tensor with a layout: <c>any</c> (or none) leaves it to the implementation; <c>x</c> stands for the dimensions that the
    /// tag does not name, as in <c>axb</c>.
    /// </summary>
    public static MemoryDescriptor Tensor(Shape dimensions, DataType type, string tag)
    {
        if (tag is "" or "any" or "undef")
            return MemoryDescriptor.Any(dimensions, type);
        const string letters = "abcdefghijkl";
        string text = tag;
        if (tag.Contains('x', StringComparison.Ordinal))
        {
            string rest = string.Concat(letters[..dimensions.Rank].Where(c => !tag.Contains(c, StringComparison.OrdinalIgnoreCase)));
            text = tag.Replace("x", rest, StringComparison.Ordinal);
            text = string.Concat(text.Where(c => !char.IsAsciiLetterLower(c) || c < 'a' + dimensions.Rank));
        }

        FormatTag parsed = FormatTag.Parse(text);
        return parsed.Rank == dimensions.Rank
            ? new MemoryDescriptor(dimensions, type, parsed)
            : throw new SkipException(SkipReason.InvalidCombination, $"layout {tag} for {dimensions}");
    }

    /// <summary>A tensor whose strides --strides gives at <paramref name="position"/>, or else with the layout of a tag.</summary>
    public static MemoryDescriptor Tensor(Options options, int position, Shape dimensions, DataType type, string tag)
    {
        string[] all = options["strides"].Split(':');
        if (position >= all.Length || all[position].Length == 0)
            return Tensor(dimensions, type, tag);
        long[] strides = [.. all[position].Split('x').Select(s => long.Parse(s, System.Globalization.CultureInfo.InvariantCulture))];
        return strides.Length == dimensions.Rank
            ? MemoryDescriptor.Strided(dimensions, type, strides)
            : throw new SkipException(SkipReason.InvalidCombination, $"strides {all[position]} for {dimensions}");
    }
}
