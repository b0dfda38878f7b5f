// Which instruction-set group each CPUID feature of the decoder belongs to.
using Iced.Intel;

namespace Int8Runtime.Jit;

/// <summary>Maps CPUID features, as the decoder names them, to <see cref="Isa"/> groups.</summary>
internal static class IsaRequirements
{
    /// <summary>The groups that an instruction needs, or null if some feature is in no group.</summary>
    public static Isa? Of(Iced.Intel.Code code)
    {
        Isa needed = Isa.None;
        foreach (CpuidFeature feature in code.CpuidFeatures())
        {
            if (GroupOf(feature) is not Isa group)
                return null;
            needed |= group;
        }
        return needed;
    }

    private static Isa? GroupOf(CpuidFeature feature) => feature switch
    {
        CpuidFeature.INTEL8086 or CpuidFeature.INTEL186 or CpuidFeature.INTEL286 or CpuidFeature.INTEL386
            or CpuidFeature.INTEL486 or CpuidFeature.X64 or CpuidFeature.CMOV or CpuidFeature.MULTIBYTENOP
            or CpuidFeature.SSE or CpuidFeature.SSE2 => Isa.None, // every x64 processor
        CpuidFeature.SSE3 or CpuidFeature.SSSE3 or CpuidFeature.SSE4_1 => Isa.Sse41,
        CpuidFeature.AVX or CpuidFeature.AVX2 or CpuidFeature.FMA or CpuidFeature.F16C => Isa.Avx2,
        CpuidFeature.AVX_VNNI => Isa.Avx2Vnni,
        CpuidFeature.AVX512F or CpuidFeature.AVX512CD or CpuidFeature.AVX512BW or CpuidFeature.AVX512DQ
            or CpuidFeature.AVX512VL => Isa.Avx512,
        CpuidFeature.AVX512_VNNI => Isa.Avx512Vnni,
        CpuidFeature.AVX512_BF16 => Isa.Avx512Bf16,
        _ => null,
    };
}
