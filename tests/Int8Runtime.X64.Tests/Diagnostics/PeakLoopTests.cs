// The loop that measures the peak: sound on every tier, and it does the products that it counts.
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Diagnostics;

public sealed class PeakLoopTests
{
    [Fact]
    public void The_loop_of_every_tier_is_sound()
    {
        foreach (Isa isa in new[] { IsaTiers.Avx2, IsaTiers.Avx2Vnni, IsaTiers.Avx512, IsaTiers.Avx512Vnni })
        {
            foreach (DotProductKind product in Products(isa))
            {
                KernelImage image = new PeakLoopGenerator().Generate(new PeakSpec(product), isa);
                Assert.Empty(KernelVerifier.FindViolations(image));
            }
        }
    }

    [Fact]
    public void The_loop_holds_the_products_that_are_counted()
    {
        IsaTraits traits = IsaTraits.For(IsaTiers.Avx512Vnni);
        string text = Disassembler.Format(new PeakLoopGenerator().Generate(new PeakSpec(DotProductKind.UInt8), IsaTiers.Avx512Vnni));
        int chains = PeakLoopGenerator.ChainsOf(DotProductKind.UInt8, traits);
        Assert.Equal(30, chains);
        Assert.Equal(chains * PeakLoopGenerator.Unrolling, text.Split("vpdpbusd").Length - 1);
    }

    [Fact]
    public void Operations_are_those_of_all_threads()
    {
        foreach ((_, Isa isa) in Tiers.Generated)
        {
            foreach (DotProductKind product in Products(isa))
            {
                var loop = new PeakLoop(KernelCache.Shared, isa, product);
                long one = loop.Run(SharedThreadPool.Default, 1);
                Assert.True(one > 0);
                using var pool = new SharedThreadPool(2);
                Assert.Equal(2 * one, loop.Run(pool, 2));
            }
        }
    }

    private static IEnumerable<DotProductKind> Products(Isa isa) => IsaTraits.For(isa).HasBf16
        ? [DotProductKind.Float32, DotProductKind.BFloat16, DotProductKind.UInt8] : IsaTraits.For(isa).HasVnni
        ? [DotProductKind.Float32, DotProductKind.Int16, DotProductKind.UInt8]
        : [DotProductKind.Float32, DotProductKind.Int16];
}
