// Detection against two independent sources: .NET's own flags and the kernel's /proc/cpuinfo.
using System.Runtime.Intrinsics.X86;

namespace Int8Runtime.Jit.Tests;

public sealed class CpuFeaturesTests
{
    private static Isa Host => CpuFeatures.Host.Isa;

    [Fact]
    public void Agrees_with_the_runtimes_own_detection()
    {
        // The runtime's flags can be switched off by its configuration, so they imply ours and not the reverse.
        AssertImplies(Sse41.IsSupported && Ssse3.IsSupported, Isa.Sse41);
        AssertImplies(Avx2.IsSupported && Fma.IsSupported, Isa.Avx2);
        AssertImplies(AvxVnni.IsSupported, Isa.Avx2Vnni);
        AssertImplies(
            Avx512F.VL.IsSupported && Avx512BW.VL.IsSupported && Avx512CD.VL.IsSupported && Avx512DQ.VL.IsSupported,
            Isa.Avx512);
    }

    [Fact]
    public void Agrees_with_the_operating_system()
    {
        if (!File.Exists("/proc/cpuinfo"))
            return; // only Linux lists the flags
        string? line = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("flags", StringComparison.Ordinal));
        if (line is null || CpuFeatures.Host.Limitation is not null)
            return; // not x64, or no kernels here
        HashSet<string> flags = [.. line.Split(':')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        Assert.Equal(flags.IsSupersetOf(["ssse3", "sse4_1"]), Host.HasFlag(Isa.Sse41));
        Assert.Equal(flags.IsSupersetOf(["avx", "avx2", "fma", "f16c"]), Host.HasFlag(Isa.Avx2));
        Assert.Equal(flags.Contains("avx_vnni"), Host.HasFlag(Isa.Avx2Vnni));
        Assert.Equal(
            flags.IsSupersetOf(["avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"]), Host.HasFlag(Isa.Avx512));
        Assert.Equal(flags.Contains("avx512_vnni"), Host.HasFlag(Isa.Avx512Vnni));
        Assert.Equal(flags.Contains("avx512_bf16"), Host.HasFlag(Isa.Avx512Bf16));
    }

    [Fact]
    public void Reports_caches_and_names()
    {
        CpuFeatures host = CpuFeatures.Host;
        Assert.NotEmpty(host.Brand);
        if (host.Vendor is not ("AuthenticAMD" or "GenuineIntel"))
            return;
        Assert.InRange(host.Caches.L1Data, 8 << 10, 1 << 20);
        Assert.InRange(host.Caches.L2, host.Caches.L1Data, 1 << 28);
        Assert.True(host.Caches.L3PerProcessor <= host.Caches.L3);
    }

    [Fact]
    public void A_limit_intersects_and_a_bad_name_is_explained()
    {
        Isa all = IsaTiers.Avx512Bf16 | Isa.Avx2Vnni;
        Assert.Equal(all, IsaLimit.Apply(all, null));
        Assert.Equal(all, IsaLimit.Apply(all, " "));
        Assert.Equal(IsaTiers.Avx2, IsaLimit.Apply(all, "avx2"));
        Assert.Equal(IsaTiers.Avx2Vnni, IsaLimit.Apply(all, "AVX2_VNNI"));
        Assert.Equal(IsaTiers.Avx2, IsaLimit.Apply(IsaTiers.Avx512, "avx2_vnni"));
        Assert.Equal(Isa.None, IsaLimit.Apply(all, "none"));
        string message = Assert.Throws<FormatException>(() => IsaLimit.Apply(all, "avx9000")).Message;
        Assert.Contains("INT8RT_MAX_ISA", message);
        Assert.Contains("avx9000", message);
        Assert.Contains("avx512_vnni", message);
    }

    [Fact]
    public void Traits_follow_from_the_instruction_set()
    {
        IsaTraits sse41 = IsaTraits.For(IsaTiers.Sse41);
        IsaTraits avx2 = IsaTraits.For(IsaTiers.Avx2Vnni), avx512 = IsaTraits.For(IsaTiers.Avx512Vnni);
        Assert.Equal((4, 14, false, false, TailPolicy.PartialMoves),
            (sse41.Lanes32, sse41.VectorRegisters, sse41.HasOpmask, sse41.HasVnni, sse41.Tails));
        Assert.Equal((8, 16, false, true, TailPolicy.VectorMask),
            (avx2.Lanes32, avx2.VectorRegisters, avx2.HasOpmask, avx2.HasVnni, avx2.Tails));
        Assert.Equal((16, 32, true, true, TailPolicy.Opmask),
            (avx512.Lanes32, avx512.VectorRegisters, avx512.HasOpmask, avx512.HasVnni, avx512.Tails));
        Assert.False(IsaTraits.For(IsaTiers.Avx512 | Isa.Avx2Vnni).HasVnni); // the EVEX form is what counts
        Assert.Throws<ArgumentException>(() => IsaTraits.For(Isa.None));
    }

    private static void AssertImplies(bool runtime, Isa expected)
    {
        if (runtime)
            Assert.True(Host.HasFlag(expected), $"the runtime supports {expected}, but detection says {Host}");
    }
}
