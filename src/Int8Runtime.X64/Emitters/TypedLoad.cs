// Loads of elements of any type into a full-width vector of f32 or s32, one element per 32-bit lane.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Typed vector loads. Nothing outside the active lanes is read; inactive lanes become 0.</summary>
internal static class TypedLoad
{
    /// <summary>Loads elements as f32.</summary>
    /// <param name="asm">The kernel.</param>
    /// <param name="destination">Receives one element per lane.</param>
    /// <param name="type">u8, s8, s32, f32, bf16 or f16.</param>
    /// <param name="source">The first element; no alignment needed.</param>
    /// <param name="lanes">Lanes to load.</param>
    /// <exception cref="NotSupportedException">The type is another one.</exception>
    public static void ToFloat(KernelAssembler asm, Vec destination, DataType type, Mem source, ActiveLanes lanes)
    {
        switch (type)
        {
            case DataType.Float32:
                Load32(asm, Vmovups, Vmaskmovps, destination, source, lanes);
                break;
            case DataType.BFloat16:
                Widen(asm, Vpmovzxwd, 2, destination, source, lanes);
                asm.Emit(Vpslld, destination, destination, 16);
                break;
            case DataType.Float16:
                Widen(asm, Vcvtph2ps, 2, destination, source, lanes);
                break;
            default:
                ToInt32(asm, destination, type, source, lanes);
                asm.Emit(Vcvtdq2ps, destination, destination);
                break;
        }
    }

    /// <summary>Loads elements as s32.</summary>
    /// <param name="asm">The kernel.</param>
    /// <param name="destination">Receives one element per lane.</param>
    /// <param name="type">u8, s8 or s32.</param>
    /// <param name="source">The first element; no alignment needed.</param>
    /// <param name="lanes">Lanes to load.</param>
    /// <exception cref="NotSupportedException">The type is another one.</exception>
    public static void ToInt32(KernelAssembler asm, Vec destination, DataType type, Mem source, ActiveLanes lanes)
    {
        switch (type)
        {
            case DataType.Int32:
                Load32(asm, Vmovdqu, Vpmaskmovd, destination, source, lanes);
                break;
            case DataType.UInt8:
                Widen(asm, Vpmovzxbd, 1, destination, source, lanes);
                break;
            case DataType.Int8:
                Widen(asm, Vpmovsxbd, 1, destination, source, lanes);
                break;
            default:
                throw new NotSupportedException($"Kernels do not load {type} into 32-bit lanes.");
        }
    }

    /// <summary>Loads one element as f32 into all lanes.</summary>
    /// <param name="asm">The kernel.</param>
    /// <param name="destination">Receives the element in every lane.</param>
    /// <param name="type">u8, s8, s32, f32, bf16 or f16.</param>
    /// <param name="source">The element.</param>
    /// <exception cref="NotSupportedException">The type is another one.</exception>
    public static void BroadcastToFloat(KernelAssembler asm, Vec destination, DataType type, Mem source)
    {
        if (type is DataType.Float32 or DataType.Int32)
        {
            asm.Emit(Vbroadcastss, destination, source);
            if (type == DataType.Int32)
                asm.Emit(Vcvtdq2ps, destination, destination);
            return;
        }
        using (ActiveLanes one = ActiveLanes.First(asm, 1))
            ToFloat(asm, destination, type, source, one);
        asm.Emit(Vbroadcastss, destination, destination);
    }

    private static void Load32(
        KernelAssembler asm, VectorOp move, VectorOp maskedMove, Vec destination, Mem source, ActiveLanes lanes)
    {
        if (lanes.IsAll || asm.Traits.HasOpmask)
            asm.Emit(move, lanes.Zeroing(destination), source);
        else if (asm.Traits.Tails == TailPolicy.PartialMoves)
            PartialMoves.Load(asm, destination, source, 4, lanes);
        else
            lanes.WithVectorMask(asm, mask => asm.Emit(maskedMove, destination, mask, source));
    }

    private static void Widen(
        KernelAssembler asm, VectorOp operation, int elementBytes, Vec destination, Mem source, ActiveLanes lanes)
    {
        if (lanes.IsAll || asm.Traits.HasOpmask)
        {
            asm.Emit(operation, lanes.Zeroing(destination), source);
            return;
        }
        PartialMoves.Load(asm, destination, source, elementBytes, lanes);
        asm.Emit(operation, destination, destination);
    }
}
