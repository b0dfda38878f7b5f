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
        if (CpuFeatures.Host.Isa.HasFlag(Isa.Sse41))
            Assert.Contains(("sse41", IsaTiers.Sse41), Tiers.Generated);
    }

    [Fact]
    public void Every_implementation_runs_on_every_tier_it_serves_in_instructions_of_that_tier()
    {
        var cache = new KernelCache();
        Assert.Empty(TierCoverage.RunAll(X64Implementations.Create(cache, CpuFeatures.Host), Catalogue.Small));
        foreach ((string tier, Isa _) in Tiers.Generated)
            Assert.Contains(
                TierCoverage.Executed.Keys,
                run => run.Tier == tier && !run.Implementation.StartsWith("ref", StringComparison.Ordinal));
        foreach (CompiledKernel kernel in cache.Kernels)
            KernelVerifier.Verify(kernel.Image);
        foreach (Isa width in KernelTier.Widths.Where(width => (width & ~CpuFeatures.Host.Isa) == Isa.None))
            Assert.Contains(cache.Kernels, kernel => kernel.Image.Isa == width);
    }

    [Fact]
    public void What_avx2_kernels_take_sse41_kernels_take_too()
    {
        IReadOnlyList<IImplementation> implementations = X64Implementations.Create(new KernelCache(), CpuFeatures.Host);
        bool Takes(CatalogueProblem problem, Isa isa) => implementations.Any(
            implementation => implementation.Kind == problem.Descriptor.Kind
                && implementation.TryPlan(new PlanRequest(problem.Descriptor, problem.Attributes, isa, 1)).Plan is not null);
        if (!CpuFeatures.Host.Isa.HasFlag(Isa.Avx2))
            return; // plans load kernels
        foreach (CatalogueProblem problem in Catalogue.Small.Where(problem => Takes(problem, IsaTiers.Avx2)))
            Assert.True(Takes(problem, IsaTiers.Sse41), problem.Descriptor.ToString());
    }
}
