// 8-bit products by VPDPBUSD (AVX-VNNI or AVX512_VNNI): each lane holds four elements of K, u8 on the left, s8 on the right.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>
/// VPDPBUSD: acc[i] += Σ a[j]·b[i, j], exact in 32 bits. An s8 source becomes u8 by flipping its sign bit, that is by adding
/// 128; the compensation, from which the accumulators start, subtracts 128·Σb.
/// </summary>
internal sealed class VnniDotProduct(bool shiftsSource) : IDotProduct
{
    private Vec _signBits;

    /// <inheritdoc/>
    public int Interleave => 4;

    /// <inheritdoc/>
    public int Temporaries => shiftsSource ? 1 : 0;

    /// <inheritdoc/>
    public int Instructions => 1;

    /// <inheritdoc/>
    public bool EmbedsBroadcast => false;

    /// <inheritdoc/>
    public void Prepare(KernelAssembler asm)
    {
        if (!shiftsSource)
            return;
        _signBits = asm.Registers.Vec("0x80 in each byte");
        asm.Emit(Vpbroadcastd, _signBits, asm.Table(0x80808080u));
    }

    /// <inheritdoc/>
    public void LoadSource(KernelAssembler asm, Vec a, Mem address)
    {
        asm.Emit(Vpbroadcastd, a, address);
        if (shiftsSource)
            asm.Emit(Vpxor, a, a, _signBits);
    }

    /// <inheritdoc/>
    public void Accumulate(KernelAssembler asm, Vec accumulator, Vec a, Operand b) => asm.Emit(Vpdpbusd, accumulator, a, b);

    /// <inheritdoc/>
    public void Add(KernelAssembler asm, Vec accumulator, Vec other) => asm.Emit(Vpaddd, accumulator, accumulator, other);
}
