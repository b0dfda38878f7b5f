// Every generated implementation is executed on every tier of this host that it serves.
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Dispatch;

public sealed class TierCoverageTests
{
    [Fact]
    public void An_avx512_host_runs_all_tiers()
    {
        if (CpuFeatures.Host.Isa.HasFlag(Isa.Avx512))
            Assert.Equal(IsaTiers.All, Tiers.Runnable);
        else if (CpuFeatures.Host.Isa.HasFlag(Isa.Avx2))
            Assert.Contains(("avx2_vnni", IsaTiers.Avx2Vnni), Tiers.Runnable);
    }

    [Fact]
    public void Every_implementation_runs_on_every_tier_it_serves() =>
        Assert.Empty(TierCoverage.RunAll(X64Implementations.Create(new KernelCache(), CpuFeatures.Host), Catalogue.Small));
}
