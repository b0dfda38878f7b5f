// Opmask registers: moves, logic, tests, and exchange with vectors.
using static Iced.Intel.Code;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.Jit;

internal static partial class OpcodeTable
{
    private static OpcodeRow[] Masks =>
    [
        new(Kmovb,
            VEX_Kmovb_kr_km8, VEX_Kmovb_m8_kr, VEX_Kmovb_kr_r32, VEX_Kmovb_r32_kr),
        new(Kmovw,
            VEX_Kmovw_kr_km16, VEX_Kmovw_m16_kr, VEX_Kmovw_kr_r32, VEX_Kmovw_r32_kr),
        new(Kmovd,
            VEX_Kmovd_kr_km32, VEX_Kmovd_m32_kr, VEX_Kmovd_kr_r32, VEX_Kmovd_r32_kr),
        new(Kmovq,
            VEX_Kmovq_kr_km64, VEX_Kmovq_m64_kr, VEX_Kmovq_kr_r64, VEX_Kmovq_r64_kr),
        new(Kandb,
            VEX_Kandb_kr_kr_kr),
        new(Kandw,
            VEX_Kandw_kr_kr_kr),
        new(Kandd,
            VEX_Kandd_kr_kr_kr),
        new(Kandnw,
            VEX_Kandnw_kr_kr_kr),
        new(Korw,
            VEX_Korw_kr_kr_kr),
        new(Kxorw,
            VEX_Kxorw_kr_kr_kr),
        new(Kxnorw,
            VEX_Kxnorw_kr_kr_kr),
        new(Kxnord,
            VEX_Kxnord_kr_kr_kr),
        new(Knotw,
            VEX_Knotw_kr_kr),
        new(Knotd,
            VEX_Knotd_kr_kr),
        new(Kortestb,
            VEX_Kortestb_kr_kr),
        new(Kortestw,
            VEX_Kortestw_kr_kr),
        new(Kortestd,
            VEX_Kortestd_kr_kr),
        new(Kshiftlw,
            VEX_Kshiftlw_kr_kr_imm8),
        new(Kshiftrw,
            VEX_Kshiftrw_kr_kr_imm8),
        new(Kshiftrd,
            VEX_Kshiftrd_kr_kr_imm8),
        new(Kshiftrq,
            VEX_Kshiftrq_kr_kr_imm8),
        new(Vpmovm2d,
            EVEX_Vpmovm2d_xmm_kr, EVEX_Vpmovm2d_ymm_kr, EVEX_Vpmovm2d_zmm_kr),
        new(Vpmovd2m,
            EVEX_Vpmovd2m_kr_xmm, EVEX_Vpmovd2m_kr_ymm, EVEX_Vpmovd2m_kr_zmm),
        new(Vptestmd,
            EVEX_Vptestmd_kr_k1_xmm_xmmm128b32, EVEX_Vptestmd_kr_k1_ymm_ymmm256b32,
            EVEX_Vptestmd_kr_k1_zmm_zmmm512b32),
        new(Vptestnmd,
            EVEX_Vptestnmd_kr_k1_xmm_xmmm128b32, EVEX_Vptestnmd_kr_k1_ymm_ymmm256b32,
            EVEX_Vptestnmd_kr_k1_zmm_zmmm512b32),
    ];
}
