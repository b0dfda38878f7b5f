// Data types and layouts by benchdnn's names.
using System.Text.RegularExpressions;

namespace Int8Runtime.Bench;

/// <summary>Reads type names and layout tags.</summary>
internal static partial class TypesAndTags
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

    /// <summary>The types of source, weights and destination, of which weights may have 4 bits.</summary>
    public static DataType[] ProductTypes(Options options)
    {
        string[] names = OfOperands(options).Split(':');
        return names is [string source, "s4" or "u4", string destination]
            ? [Type(source), names[1] == "s4" ? DataType.Int4 : DataType.UInt4, Type(destination)]
            : Types(string.Join(':', names), 3);
    }

    /// <summary>The types of operands, from --dt or the older --cfg (u8s8u8, f32_full), separated by colons; f32 where there are none.</summary>
    public static string OfOperands(Options options) =>
        options.Or("dt", options["cfg"].Length == 0 ? "f32"
            : ConfigurationPattern().Replace(options["cfg"].Split('_')[0], "$1:"));

    [GeneratedRegex("(bf16|f16|f32|f64|s32|s8|u8)(?=.)")]
    private static partial Regex ConfigurationPattern();

    /// <summary>A tensor with a layout: <c>any</c> (or none) leaves it to the implementation.</summary>
    public static MemoryDescriptor Tensor(Shape dimensions, DataType type, string tag)
    {
        // Time, batch and channels of sequences.
        tag = tag switch { "tnc" => "abc", "ntc" => "bac", _ => tag };
        if (tag.Contains('x', StringComparison.Ordinal) && tag.Any(c => char.IsAsciiLetterUpper(c) && c - 'A' >= dimensions.Rank))
            throw new SkipException(SkipReason.InvalidCombination, $"layout {tag} for {dimensions}");
        try
        {
            return LayoutNotation.Tensor(dimensions, type, tag);
        }
        catch (ArgumentException)
        {
            throw new SkipException(SkipReason.InvalidCombination, $"layout {tag} for {dimensions}");
        }
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

    /// <summary>Whether --strides gives as many strides at a position.</summary>
    public static bool HasStrides(Options options, int position, int count) =>
        options["strides"].Split(':') is { } all && position < all.Length && all[position].Length > 0
        && all[position].Count(c => c == 'x') == count - 1;

    /// <summary>The two tensors of an option such as <c>--tag=axb</c>, or <c>axb:abx</c>, at positions 0 and 1.</summary>
    public static (MemoryDescriptor Source, MemoryDescriptor Destination) Pair(
        Options options, string tag, Shape source, DataType sourceType, Shape destination, DataType destinationType)
    {
        string[] tags = options.Or(tag, "abx").Split(':');
        return (Tensor(options, 0, source, sourceType, tags[0]), Tensor(options, 1, destination, destinationType, tags[^1]));
    }
}
