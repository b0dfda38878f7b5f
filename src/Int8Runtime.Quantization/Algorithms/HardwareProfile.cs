// What a target CPU wants from a quantized model, as a data file.
using System.Text.Json;

namespace Int8Runtime.Quantization;

/// <summary>
/// A target: which operators are quantized, and in which form. Profiles ship for <c>any</c>, <c>avx2</c>, <c>avx512</c>, <c>vnni</c>
/// and <c>bf16</c>; a file of the same form makes another.
/// </summary>
/// <param name="Name">Name in reports.</param>
/// <param name="Description">What the target is.</param>
/// <param name="WeightBits">Bits of the weights, 2 to 8.</param>
/// <param name="BoundsWeightPairs">
/// Whether weights that meet in a sum of 16 bits (<see cref="WeightPairs"/>) are kept from saturating it, so that VPMADDUBSW is exact.
/// </param>
/// <param name="AsymmetricActivations">Whether activations may have zero points.</param>
/// <param name="PerChannelWeights">Whether weights may have a scale for each channel.</param>
/// <param name="Operators">Operators that may be quantized.</param>
public sealed record HardwareProfile(
    string Name, string Description, int WeightBits, bool BoundsWeightPairs, bool AsymmetricActivations, bool PerChannelWeights,
    IReadOnlySet<string> Operators)
{
    private const string Prefix = "profile-";

    /// <summary>The profile that fits every CPU.</summary>
    public static HardwareProfile Any { get; } = Parse(DataResources.Read(Prefix + "any.json"), "any");

    /// <summary>Names of the profiles that ship with this library.</summary>
    public static IEnumerable<string> Names => DataResources.Names(Prefix).Select(n => n[Prefix.Length..^".json".Length]);

    /// <summary>
    /// The profile of a CPU: <c>vnni</c> where there are dot-product instructions, else <c>avx512</c> or <c>avx2</c>, whose weights let
    /// pairs of byte products be summed in 16 bits without saturation (which serves SSE4.1 too); <c>any</c> where there is less.
    /// </summary>
    /// <param name="isa">The instruction sets, for example <see cref="Engine.Isa"/>.</param>
    public static HardwareProfile For(Isa isa) => Load(
        (isa & (Isa.Avx512Vnni | Isa.Avx2Vnni)) != Isa.None ? "vnni"
        : (isa & IsaTiers.Avx512) == IsaTiers.Avx512 ? "avx512"
        : (isa & IsaTiers.Sse41) == IsaTiers.Sse41 ? "avx2"
        : "any");

    /// <summary>A profile by name, or from a file where the name ends in <c>.json</c>.</summary>
    /// <exception cref="QuantizationException">There is no such profile, or the file cannot be read or does not have the form.</exception>
    public static HardwareProfile Load(string nameOrPath)
    {
        ArgumentNullException.ThrowIfNull(nameOrPath);
        if (Names.Contains(nameOrPath))
            return Parse(DataResources.Read(Prefix + nameOrPath + ".json"), nameOrPath);
        if (!nameOrPath.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            throw new QuantizationException(
                $"there is no hardware profile '{nameOrPath}'; use {string.Join(", ", Names)} or a .json file of that form");
        return Parse(UserFiles.Text(nameOrPath, "profile file"), nameOrPath);
    }

    private static HardwareProfile Parse(string json, string source)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement;
            int bits = root.GetProperty("weight_bits").GetInt32();
            if (bits is < 2 or > 8)
                throw new QuantizationException($"profile '{source}': weight_bits is {bits}; use 2 to 8");
            return new HardwareProfile(
                root.GetProperty("name").GetString() ?? source, root.GetProperty("description").GetString() ?? "", bits,
                root.TryGetProperty("bounds_weight_pairs", out JsonElement bounds) && bounds.GetBoolean(),
                root.GetProperty("asymmetric_activations").GetBoolean(), root.GetProperty("per_channel_weights").GetBoolean(),
                root.GetProperty("operators").EnumerateArray().Select(o => o.GetString()!).ToHashSet(StringComparer.Ordinal));
        }
        catch (Exception exception) when (
            exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new QuantizationException($"'{source}' is no hardware profile: {exception.Message}", exception);
        }
    }
}
