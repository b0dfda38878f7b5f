// The instruction-set tiers that tests run over.
using Int8Runtime.Jit;

namespace Int8Runtime.TestKit;

/// <summary>Instruction-set tiers that this host executes, natively or emulated: on an AVX-512 machine all of them.</summary>
public static class Tiers
{
    /// <summary>Every named tier that this host can execute, from <c>none</c> upwards.</summary>
    public static IReadOnlyList<(string Name, Isa Isa)> Runnable { get; } =
        [.. IsaTiers.All.Where(tier => (tier.Isa & ~IsaEmulation.HostAndEmulated) == 0)];

    /// <summary>The runnable tiers for which kernels are generated: SSE4.1 and above.</summary>
    public static IReadOnlyList<(string Name, Isa Isa)> Generated { get; } =
        [.. Runnable.Where(tier => tier.Isa.HasFlag(IsaTiers.Sse41))];
}
