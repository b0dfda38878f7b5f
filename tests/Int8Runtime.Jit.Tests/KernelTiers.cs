// The tiers that tests run over.
namespace Int8Runtime.Jit.Tests;

internal static class KernelTiers
{
    /// <summary>Tiers that kernels are generated for.</summary>
    public static readonly Isa[] All =
        [IsaTiers.Sse41, IsaTiers.Avx2, IsaTiers.Avx2Vnni, IsaTiers.Avx512, IsaTiers.Avx512Vnni, IsaTiers.Avx512Bf16];

    /// <summary>Those among them that this host runs, natively or emulated.</summary>
    public static IEnumerable<Isa> Runnable => All.Where(tier => (tier & ~IsaEmulation.HostAndEmulated) == 0);
}
