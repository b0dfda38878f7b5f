// bf16 products by VDPBF16PS (AVX512_BF16): each lane holds two elements of K and one f32 sum.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>
/// VDPBF16PS: acc[i] = fma(a[0], b[i, 0], fma(a[1], b[i, 1], acc[i])) in f32, with denormals as zero. K must be even: a lone
/// element's neighbour would be multiplied by a zero weight, which for an infinity is not zero.
/// </summary>
internal sealed class Bf16DotProduct : IDotProduct
{
    /// <inheritdoc/>
    public int Interleave => 2;

    /// <inheritdoc/>
    public int Temporaries => 0;

    /// <inheritdoc/>
    public int Instructions => 1;

    /// <inheritdoc/>
    public bool EmbedsBroadcast => true;

    /// <inheritdoc/>
    public void Prepare(KernelAssembler asm)
    {
    }

    /// <inheritdoc/>
    public void LoadSource(KernelAssembler asm, Vec a, Mem address) => asm.Emit(Vpbroadcastd, a, address);

    /// <inheritdoc/>
    public void Accumulate(KernelAssembler asm, Vec accumulator, Vec a, Operand b) => asm.Emit(Vdpbf16ps, accumulator, a, b);

    /// <inheritdoc/>
    public void Add(KernelAssembler asm, Vec accumulator, Vec other) => asm.Emit(Vaddps, accumulator, accumulator, other);
}
