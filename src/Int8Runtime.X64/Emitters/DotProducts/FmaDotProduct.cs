// f32 products by fused multiply-add: each lane holds one element of K.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>VFMADD231PS: acc[i] = fma(a, b[i], acc[i]).</summary>
internal sealed class FmaDotProduct(bool hasEvex) : IDotProduct
{
    /// <inheritdoc/>
    public int Interleave => 1;

    /// <inheritdoc/>
    public int Temporaries => 0;

    /// <inheritdoc/>
    public int Instructions => 1;

    /// <inheritdoc/>
    public bool EmbedsBroadcast => hasEvex;

    /// <inheritdoc/>
    public void Prepare(KernelAssembler asm)
    {
    }

    /// <inheritdoc/>
    public void LoadSource(KernelAssembler asm, Vec a, Mem address) => asm.Emit(Vbroadcastss, a, address);

    /// <inheritdoc/>
    public void Accumulate(KernelAssembler asm, Vec accumulator, Vec a, Operand b) => asm.Emit(Vmuladd231ps, accumulator, a, b);

    /// <inheritdoc/>
    public void Add(KernelAssembler asm, Vec accumulator, Vec other) => asm.Emit(Vaddps, accumulator, accumulator, other);
}
