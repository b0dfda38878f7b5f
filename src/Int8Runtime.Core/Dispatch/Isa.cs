// Instruction-set tiers: which groups of x64 features a kernel may use.
namespace Int8Runtime;

/// <summary>
/// A set of x64 instruction-set groups. It is a set and not a ladder: <see cref="Avx2Vnni"/> (the VEX form of the
/// dot-product instructions) is absent from many CPUs that have <see cref="Avx512Vnni"/>.
/// </summary>
[Flags]
public enum Isa
{
    /// <summary>No vector extension: the portable path.</summary>
    None = 0,

    /// <summary>SSE up to 4.1 with SSSE3.</summary>
    Sse41 = 1 << 0,

    /// <summary>AVX, AVX2, FMA3 and F16C.</summary>
    Avx2 = 1 << 1,

    /// <summary>AVX-VNNI: VPDPBUSD in VEX encoding on 128- and 256-bit registers.</summary>
    Avx2Vnni = 1 << 2,

    /// <summary>AVX-512 F, CD, BW, DQ and VL.</summary>
    Avx512 = 1 << 3,

    /// <summary>AVX512_VNNI: VPDPBUSD in EVEX encoding.</summary>
    Avx512Vnni = 1 << 4,

    /// <summary>AVX512_BF16: VDPBF16PS and the conversions to bf16.</summary>
    Avx512Bf16 = 1 << 5,
}

/// <summary>Named tiers of <see cref="Isa"/> and their spelling in options, logs and <c>INT8RT_MAX_ISA</c>.</summary>
public static class IsaTiers
{
    /// <summary>SSE4.1 only.</summary>
    public const Isa Sse41 = Isa.Sse41;

    /// <summary>Everything up to AVX2 with FMA.</summary>
    public const Isa Avx2 = Sse41 | Isa.Avx2;

    /// <summary>AVX2 with the VEX form of VPDPBUSD.</summary>
    public const Isa Avx2Vnni = Avx2 | Isa.Avx2Vnni;

    /// <summary>AVX-512 without dot-product instructions.</summary>
    public const Isa Avx512 = Avx2 | Isa.Avx512;

    /// <summary>AVX-512 with VPDPBUSD.</summary>
    public const Isa Avx512Vnni = Avx512 | Isa.Avx512Vnni;

    /// <summary>AVX-512 with VPDPBUSD and VDPBF16PS.</summary>
    public const Isa Avx512Bf16 = Avx512Vnni | Isa.Avx512Bf16;

    /// <summary>All named tiers from the lowest to the highest, with the spelling that options accept.</summary>
    public static IReadOnlyList<(string Name, Isa Isa)> All { get; } =
    [
        ("none", Isa.None),
        ("sse41", Sse41),
        ("avx2", Avx2),
        ("avx2_vnni", Avx2Vnni),
        ("avx512", Avx512),
        ("avx512_vnni", Avx512Vnni),
        ("avx512_bf16", Avx512Bf16),
    ];

    /// <summary>The name of the highest tier that <paramref name="isa"/> contains completely.</summary>
    public static string NameOf(Isa isa)
    {
        for (int i = All.Count - 1; i > 0; i--)
            if ((isa & All[i].Isa) == All[i].Isa)
                return All[i].Name;
        return "none";
    }

    /// <summary>Parses a tier name such as <c>avx512_vnni</c>.</summary>
    /// <exception cref="FormatException">The name is not a tier; the message lists the tiers.</exception>
    public static Isa Parse(string name)
    {
        foreach ((string tier, Isa isa) in All)
            if (string.Equals(tier, name, StringComparison.OrdinalIgnoreCase))
                return isa;
        throw new FormatException(
            $"'{name}' is not an instruction-set tier; use one of {string.Join(", ", All.Select(t => t.Name))}.");
    }
}
