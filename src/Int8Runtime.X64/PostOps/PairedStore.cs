// Stores f32 vectors as bf16 two at a time: VCVTNE2PS2BF16 rounds both and fills one register, so that neighbours in memory take
// one conversion and one store.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>The bf16 store of an <see cref="EpilogueEmitter"/> where AVX512_BF16 exists.</summary>
internal static class PairedStore
{
    /// <summary>Stores f32 vectors, whose registers are destroyed.</summary>
    public static void Emit(KernelAssembler asm, ReadOnlySpan<ResultVector> vectors)
    {
        ResultVector? waiting = null;
        foreach (ResultVector vector in vectors.ToArray().OrderBy(v => v.Destination.Displacement))
        {
            if (waiting is { } low && AreNeighbours(low, vector, asm.Traits.Lanes32 * DataType.BFloat16.SizeInBytes()))
            {
                asm.Emit(Vcvtne2ps2bf16, low.Register, vector.Register, low.Register); // the last operand fills the lower half
                asm.Emit(Vmovups, low.Destination, low.Register);
                waiting = null;
                continue;
            }

            if (waiting is { } single)
                TypedStore.FromFloat(asm, single.Destination, DataType.BFloat16, single.Register, single.Active);
            waiting = vector;
        }

        if (waiting is { } last)
            TypedStore.FromFloat(asm, last.Destination, DataType.BFloat16, last.Register, last.Active);
    }

    private static bool AreNeighbours(ResultVector low, ResultVector high, int bytes) =>
        low.Active.IsAll && high.Active.IsAll && low.Destination.Base.Index == high.Destination.Base.Index
        && low.Destination.Index?.Index == high.Destination.Index?.Index && low.Destination.Scale == high.Destination.Scale
        && high.Destination.Displacement == low.Destination.Displacement + bytes;
}
