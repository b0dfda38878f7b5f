// 8-bit products by VPMADDUBSW, VPMADDWD and VPADDD, where there is no VPDPBUSD: each lane holds four elements of K.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>
/// acc[i] += Σ a[j]·b[i, j] in three instructions: sums of two products as s16, sums of two such sums as s32, the addition.
/// The first one saturates; it is exact for weights that went through <see cref="SaturationSplit"/>. Weights that were split for it may
/// also sum four products as s16, so that two steps take five instructions. An s8 source becomes u8 as in <see cref="VnniDotProduct"/>.
/// </summary>
internal sealed class MaddubsDotProduct(bool shiftsSource, bool addsFour) : IDotProduct
{
    private Vec _sums;
    private Vec _nextSums;
    private Vec _ones;
    private Vec _signBits;

    /// <inheritdoc/>
    public int Interleave => 4;

    /// <inheritdoc/>
    public int Temporaries => 2 + (shiftsSource ? 1 : 0) + (addsFour ? 1 : 0);

    /// <inheritdoc/>
    public int Instructions => 3;

    /// <inheritdoc/>
    public bool EmbedsBroadcast => false;

    /// <inheritdoc/>
    public void Prepare(KernelAssembler asm)
    {
        _sums = asm.Registers.Vec("sums of two products");
        if (addsFour)
            _nextSums = asm.Registers.Vec("sums of the next step");
        _ones = asm.Registers.Vec("1 in each word");
        asm.Emit(Vpbroadcastd, _ones, asm.Table(0x00010001u));
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
    public void Accumulate(KernelAssembler asm, Vec accumulator, Vec a, Operand b)
    {
        asm.Emit(Vpmaddubsw, _sums, a, b);
        asm.Emit(Vpmaddwd, _sums, _sums, _ones);
        asm.Emit(Vpaddd, accumulator, accumulator, _sums);
    }

    /// <inheritdoc/>
    public void AccumulateTwo(KernelAssembler asm, Vec accumulator, Vec a, Operand b, Vec nextA, Operand nextB)
    {
        asm.Emit(Vpmaddubsw, _sums, a, b);
        asm.Emit(Vpmaddubsw, _nextSums, nextA, nextB);
        asm.Emit(Vpaddw, _sums, _sums, _nextSums);
        asm.Emit(Vpmaddwd, _sums, _sums, _ones);
        asm.Emit(Vpaddd, accumulator, accumulator, _sums);
    }

    /// <inheritdoc/>
    public void Add(KernelAssembler asm, Vec accumulator, Vec other) => asm.Emit(Vpaddd, accumulator, accumulator, other);
}
