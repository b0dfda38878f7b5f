// Which instruction sets can be emulated where the processor lacks them. Emulation exists so that every kernel can be
// executed, and therefore tested, on an ordinary machine; it is exact and slow.
namespace Int8Runtime.Jit;

/// <summary>Says what may be emulated: an engine option, by default the variable INT8RT_EMULATE.</summary>
internal static class IsaEmulation
{
    /// <summary>Name of the environment variable; <c>1</c> allows emulation, <c>0</c> or nothing does not.</summary>
    public const string Variable = "INT8RT_EMULATE";

    /// <summary>Whether the environment allows emulation.</summary>
    /// <exception cref="FormatException">The variable is neither 0 nor 1.</exception>
    public static bool IsAllowedByEnvironment => Parse(Environment.GetEnvironmentVariable(Variable));

    /// <summary>What a value of the variable allows.</summary>
    internal static bool Parse(string? value) => value switch
    {
        null or "" or "0" => false,
        "1" => true,
        _ => throw new FormatException($"{Variable} is '{value}'; it must be 0 or 1."),
    };

    /// <summary>
    /// The groups that a processor with <paramref name="available"/> lacks and that its own instructions can stand for.
    /// </summary>
    public static Isa MissingFrom(Isa available)
    {
        Isa emulated = Isa.None;
        if ((available & IsaTiers.Avx2) == IsaTiers.Avx2)
            emulated |= Isa.Avx2Vnni;
        if ((available & IsaTiers.Avx512) == IsaTiers.Avx512)
            emulated |= Isa.Avx512Vnni | Isa.Avx512Bf16;
        return emulated & ~available;
    }

    /// <summary>The host's instruction sets and those that can be emulated on it.</summary>
    public static Isa HostAndEmulated => CpuFeatures.Host.Isa | MissingFrom(CpuFeatures.Host.Isa);
}
