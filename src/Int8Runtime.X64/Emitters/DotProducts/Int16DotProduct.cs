// 16-bit products by VPMADDWD and VPADDD, or VPDPWSSD where it exists: each lane holds two elements of K.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>
/// acc[i] += a[0]·b[i, 0] + a[1]·b[i, 1]. Operands are 8-bit values less their zero points, which
/// <see cref="BrgemmOperands.LargestWordZeroPoint"/> keeps within ±32767: the one sum of two products that VPMADDWD cannot hold,
/// (−32768)² twice, does not occur.
/// </summary>
internal sealed class Int16DotProduct(bool hasVnni) : IDotProduct
{
    private Vec _products;

    /// <inheritdoc/>
    public int Interleave => 2;

    /// <inheritdoc/>
    public int Temporaries => hasVnni ? 0 : 1;

    /// <inheritdoc/>
    public int Instructions => hasVnni ? 1 : 2;

    /// <inheritdoc/>
    public bool EmbedsBroadcast => false;

    /// <inheritdoc/>
    public void Prepare(KernelAssembler asm)
    {
        if (!hasVnni)
            _products = asm.Registers.Vec("products");
    }

    /// <inheritdoc/>
    public void LoadSource(KernelAssembler asm, Vec a, Mem address) => asm.Emit(Vpbroadcastd, a, address);

    /// <inheritdoc/>
    public void Accumulate(KernelAssembler asm, Vec accumulator, Vec a, Operand b)
    {
        if (hasVnni)
        {
            asm.Emit(Vpdpwssd, accumulator, a, b);
            return;
        }

        asm.Emit(Vpmaddwd, _products, a, b);
        asm.Emit(Vpaddd, accumulator, accumulator, _products);
    }

    /// <inheritdoc/>
    public void Add(KernelAssembler asm, Vec accumulator, Vec other) => asm.Emit(Vpaddd, accumulator, accumulator, other);
}
