// The vector and opmask operations that kernels use, by Intel mnemonic. Where the VEX and EVEX spellings differ the VEX
// one is used (Vpxor is VPXORD on AVX-512), so that one name serves every instruction set. Vfmadd and its kin round once on
// every instruction set; Vmuladd and Vnmuladd, which no manual knows, are the same instructions where the rounding of the
// product does not matter: SSE4.1, which has no fused ones, multiplies and adds.
namespace Int8Runtime.Jit;

/// <summary>A vector or opmask operation; <see cref="OpcodeTable"/> maps it to encodings.</summary>
internal enum VectorOp
{
    // Moves: loads, stores, lane inserts and extracts, broadcasts.
    Vmovups, Vmovaps, Vmovntps, Vmovdqu, Vmovdqu8, Vmovdqu16, Vmovss, Vmovd, Vmovq, Vpinsrb, Vpinsrw, Vpinsrd,
    Vpinsrq, Vpextrb, Vpextrw, Vpextrd, Vpextrq, Vextracti128, Vinserti128, Vextracti64x4, Vinserti64x4, Vbroadcastss,
    Vpbroadcastb, Vpbroadcastw, Vpbroadcastd, Vpbroadcastq, Vbroadcasti128, Vbroadcasti64x4, Vmaskmovps, Vpmaskmovd,
    Vmovmskps, Vzeroupper,

    // Conversions between element types: widening, narrowing, packing, float to integer and back.
    Vpmovzxbw, Vpmovzxbd, Vpmovzxwd, Vpmovsxbw, Vpmovsxbd, Vpmovsxwd, Vcvtdq2ps, Vcvtps2dq, Vcvttps2dq, Vcvtph2ps,
    Vcvtps2ph, Vcvtneps2bf16, Vcvtne2ps2bf16, Vpackssdw, Vpackusdw, Vpacksswb, Vpackuswb, Vpmovdb, Vpmovsdb,
    Vpmovusdb, Vpmovdw, Vpmovsdw, Vpmovusdw, Vpmovwb, Vpmovswb, Vpmovuswb,

    // Single-precision arithmetic, fused multiply-add, comparison and logic.
    Vaddps, Vsubps, Vmulps, Vdivps, Vminps, Vmaxps, Vsqrtps, Vfmadd132ps, Vfmadd213ps, Vfmadd231ps, Vfmsub132ps,
    Vfmsub213ps, Vfmsub231ps, Vfnmadd132ps, Vfnmadd213ps, Vfnmadd231ps, Vmuladd213ps, Vmuladd231ps, Vnmuladd231ps,
    Vroundps, Vcmpps, Vandps, Vandnps, Vorps, Vxorps, Vscalefps, Vgetexpps, Vgetmantps, Vaddss, Vsubss, Vmulss,
    Vdivss, Vminss, Vmaxss, Vsqrtss, Vfmadd213ss, Vfmadd231ss, Vdpbf16ps,

    // Integer arithmetic, dot products, comparison, shifts and logic.
    Vpaddb, Vpaddw, Vpaddd, Vpsubb, Vpsubw, Vpsubd, Vpaddsw, Vpsubsw, Vpmullw, Vpmulld, Vpmulhw, Vpmaddwd, Vpmaddubsw,
    Vpsadbw, Vpdpbusd, Vpdpbusds, Vpdpwssd, Vpdpwssds, Vpminub, Vpminsb, Vpminsw, Vpminsd, Vpminud, Vpmaxub, Vpmaxsb,
    Vpmaxsw, Vpmaxsd, Vpmaxud, Vpabsd, Vpand, Vpandn, Vpor, Vpxor, Vpternlogd, Vpcmpeqb, Vpcmpeqd, Vpcmpgtb, Vpcmpgtd,
    Vpcmpd, Vptest, Vpsllw, Vpslld, Vpsllq, Vpsrlw, Vpsrld, Vpsrlq, Vpsraw, Vpsrad, Vpslldq, Vpsrldq, Vpsllvd,
    Vpsrlvd, Vpsravd,

    // Shuffles, permutations, unpacks and blends.
    Vpunpcklbw, Vpunpckhbw, Vpunpcklwd, Vpunpckhwd, Vpunpckldq, Vpunpckhdq, Vpunpcklqdq, Vpunpckhqdq, Vunpcklps,
    Vunpckhps, Vunpcklpd, Vunpckhpd, Vshufps, Vpermilps, Vmovshdup, Vmovhlps, Vpshufb, Vpshufd, Vpermd, Vpermps,
    Vpermq, Vpermw, Vpermt2d, Vpermt2w, Vpermt2ps, Vpermi2d, Vpermi2w, Vpermi2ps, Vperm2i128, Vshufi32x4, Vpalignr,
    Valignd, Vpblendd, Vpblendw, Vblendps, Vpblendvb, Vblendvps, Vpblendmb, Vpblendmd, Vblendmps,

    // Opmask registers: moves, logic, tests, and exchange with vectors.
    Kmovb, Kmovw, Kmovd, Kmovq, Kandb, Kandw, Kandd, Kandnw, Korw, Kxorw, Kxnorw, Kxnord, Knotw, Knotd, Kortestb,
    Kortestw, Kortestd, Kshiftlw, Kshiftrw, Kshiftrd, Kshiftrq, Vpmovm2d, Vpmovd2m, Vptestmd, Vptestnmd,
}
