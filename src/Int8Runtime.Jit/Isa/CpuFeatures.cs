// What the processor offers and the operating system enables: instruction sets, cache sizes, name.
// CPUID says what the silicon has; XGETBV says which register states the system saves. Both are needed.
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Int8Runtime.Jit;

/// <summary>Data cache sizes in bytes; 0 where the processor does not report a level.</summary>
/// <param name="L1Data">Level 1 data cache of a core.</param>
/// <param name="L2">Level 2 cache of a core.</param>
/// <param name="L3">Level 3 cache, the whole slice that some cores share.</param>
/// <param name="L3Sharers">Logical processors that share the level 3 slice (at least 1).</param>
internal readonly record struct CacheSizes(int L1Data, int L2, int L3, int L3Sharers)
{
    /// <summary>The part of level 3 that a logical processor can count on when all are busy.</summary>
    public int L3PerProcessor => L3 / Math.Max(1, L3Sharers);
}

/// <summary>The features of the processor that runs this process.</summary>
internal sealed class CpuFeatures
{
    // XCR0 bits: 1 = xmm, 2 = ymm, 5..7 = opmask, upper halves of zmm0-15, zmm16-31.
    private const ulong AvxState = 0b110;
    private const ulong Avx512State = 0b1110_0110;

    private static readonly Lazy<CpuFeatures> HostFeatures = new(Detect);

    private CpuFeatures(Isa isa, string vendor, string brand, CacheSizes caches, string? limitation)
        => (Isa, Vendor, Brand, Caches, Limitation) = (isa, vendor, brand, caches, limitation);

    /// <summary>The host's features, detected once.</summary>
    public static CpuFeatures Host => HostFeatures.Value;

    /// <summary>Instruction sets that kernels may use here.</summary>
    public Isa Isa { get; }

    /// <summary>CPUID vendor string, e.g. <c>AuthenticAMD</c>; empty on other architectures.</summary>
    public string Vendor { get; }

    /// <summary>CPUID brand string, e.g. <c>AMD EPYC 9354</c>.</summary>
    public string Brand { get; }

    /// <summary>Cache sizes.</summary>
    public CacheSizes Caches { get; }

    /// <summary>Why no kernels can be generated here, or null.</summary>
    public string? Limitation { get; }

    private static CpuFeatures Detect()
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64 || !X86Base.IsSupported)
        {
            string architecture = RuntimeInformation.ProcessArchitecture.ToString();
            return new(Isa.None, "", architecture, default, $"kernels are generated for x64 only, not for {architecture}");
        }
        string vendor = ReadVendor();
        string brand = ReadBrand();
        CacheSizes caches = ReadCaches(vendor);
        try
        {
            return new(ReadIsa(), vendor, brand, caches, null);
        }
        catch (ExecutableMemoryException e)
        {
            return new(Isa.None, vendor, brand, caches, e.Message);
        }
    }

    private static Isa ReadIsa()
    {
        int maxLeaf = X86Base.CpuId(0, 0).Eax;
        int leaf1 = X86Base.CpuId(1, 0).Ecx;
        Isa isa = Isa.None;
        if (HasAll(leaf1, 9, 19)) // SSSE3, SSE4.1
            isa |= Isa.Sse41;
        const int OsXsave = 27;
        if (isa == Isa.None || maxLeaf < 7 || !HasAll(leaf1, OsXsave))
            return isa;

        ulong enabledStates = ReadXcr0();
        (int maxSubleaf, int leaf7b, int leaf7c, _) = X86Base.CpuId(7, 0);
        int leaf7Sub1a = maxSubleaf >= 1 ? X86Base.CpuId(7, 1).Eax : 0;
        bool avx = (enabledStates & AvxState) == AvxState
            && HasAll(leaf1, 12, 28, 29) // FMA, AVX, F16C
            && HasAll(leaf7b, 5); // AVX2
        if (!avx)
            return isa;
        isa |= Isa.Avx2;
        if (HasAll(leaf7Sub1a, 4))
            isa |= Isa.Avx2Vnni;

        bool avx512 = (enabledStates & Avx512State) == Avx512State && HasAll(leaf7b, 16, 17, 28, 30, 31); // F DQ CD BW VL
        if (!avx512)
            return isa;
        isa |= Isa.Avx512;
        if (HasAll(leaf7c, 11))
            isa |= Isa.Avx512Vnni;
        if (HasAll(leaf7Sub1a, 5))
            isa |= Isa.Avx512Bf16;
        return isa;
    }

    // .NET has no XGETBV intrinsic, and its IsSupported properties also follow its own configuration knobs,
    // so the 15 bytes of code that read XCR0 are run from an executable page.
    private static unsafe ulong ReadXcr0()
    {
        ReadOnlySpan<byte> code =
        [
            0x31, 0xC9, // xor ecx, ecx
            0x0F, 0x01, 0xD0, // xgetbv
            0x48, 0xC1, 0xE2, 0x20, // shl rdx, 32
            0x48, 0x09, 0xD0, // or rax, rdx
            0xC3, // ret
        ];
        using ExecutableMemory memory = ExecutableMemory.Create(code);
        return ((delegate* unmanaged<ulong>)memory.Address)();
    }

    private static bool HasAll(int register, params ReadOnlySpan<int> bits)
    {
        foreach (int bit in bits)
            if ((register >> bit & 1) == 0)
                return false;
        return true;
    }

    private static string ReadVendor()
    {
        (_, int b, int c, int d) = X86Base.CpuId(0, 0);
        return Ascii(b, d, c);
    }

    private static string ReadBrand()
    {
        const uint First = 0x80000002, Last = 0x80000004;
        if ((uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax < Last)
            return ReadVendor();
        var brand = new StringBuilder();
        for (uint leaf = First; leaf <= Last; leaf++)
        {
            (int a, int b, int c, int d) = X86Base.CpuId(unchecked((int)leaf), 0);
            brand.Append(Ascii(a, b, c, d));
        }
        return string.Join(' ', brand.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    private static string Ascii(params ReadOnlySpan<int> registers)
        => Encoding.ASCII.GetString(MemoryMarshal.AsBytes(registers)).TrimEnd('\0');

    // Leaf 4 (Intel) and 0x8000001D (AMD) share one format: a list of caches, ended by type 0.
    private static CacheSizes ReadCaches(string vendor)
    {
        int leaf = vendor == "AuthenticAMD" ? unchecked((int)0x8000001D) : 4;
        int maxLeaf = X86Base.CpuId(leaf & unchecked((int)0x80000000), 0).Eax;
        CacheSizes sizes = new(0, 0, 0, 1);
        if ((uint)maxLeaf < (uint)leaf)
            return sizes;
        const int Data = 1, Unified = 3, MaxCaches = 8;
        for (int index = 0; index < MaxCaches; index++)
        {
            (int a, int b, int c, _) = X86Base.CpuId(leaf, index);
            int type = a & 0x1F;
            if (type == 0)
                break;
            int ways = (b >>> 22) + 1, partitions = (b >>> 12 & 0x3FF) + 1, line = (b & 0xFFF) + 1, sets = c + 1;
            int bytes = ways * partitions * line * sets;
            sizes = (a >>> 5 & 7, type) switch
            {
                (1, Data) => sizes with { L1Data = bytes },
                (2, Unified) => sizes with { L2 = bytes },
                (3, Unified) => sizes with { L3 = bytes, L3Sharers = (a >>> 14 & 0xFFF) + 1 },
                _ => sizes,
            };
        }
        return sizes;
    }
}
