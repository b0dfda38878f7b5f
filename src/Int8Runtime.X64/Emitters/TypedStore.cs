// Stores of f32 or s32 vectors as elements of any type, one element per 32-bit lane.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>
/// What happens to an f32 value on its way to an integer: clamped to [Lower, Upper] (NaN gives Lower), rounded to nearest
/// even, ZeroPoint added. The bounds must keep the sum inside the destination's type.
/// </summary>
/// <param name="Lower">f32 in every lane: register or constant.</param>
/// <param name="Upper">f32 in every lane: register or constant; at most 2147483520 for s32.</param>
/// <param name="ZeroPoint">s32 in every lane: register or constant; null for 0.</param>
internal readonly record struct Saturation(Operand Lower, Operand Upper, Operand? ZeroPoint = null)
{
    /// <summary>Saturation to the range of a type, with constants of the kernel.</summary>
    public static Saturation Of(KernelAssembler asm, DataType type, int zeroPoint = 0)
    {
        (float lower, float upper) = Epilogue.BoundsOf(type, zeroPoint);
        return new(asm.Splat(lower), asm.Splat(upper), zeroPoint == 0 ? null : asm.Splat(zeroPoint));
    }
}

/// <summary>
/// Typed vector stores. Nothing outside the active lanes is written. The stored register is destroyed; up to two more
/// vector registers, and with AVX-512 an opmask register, are used meanwhile.
/// </summary>
internal static class TypedStore
{
    private const int RoundNearestEven = 0;
    private const float SmallestNormal = 1.17549435e-38f;

    /// <summary>Stores an f32 vector.</summary>
    /// <param name="asm">The kernel.</param>
    /// <param name="destination">The first element; no alignment needed.</param>
    /// <param name="type">
    /// u8, s8, s32, f32, bf16 or f16. Conversion to bf16 rounds to nearest even and turns f32 denormals into zero of the same
    /// sign, on every tier.
    /// </param>
    /// <param name="value">The vector; destroyed.</param>
    /// <param name="lanes">Lanes to store.</param>
    /// <param name="saturation">Bounds and zero point, for integer types only.</param>
    /// <exception cref="NotSupportedException">The type is another one.</exception>
    public static void FromFloat(
        KernelAssembler asm, Mem destination, DataType type, Vec value, ActiveLanes lanes, Saturation? saturation = null)
    {
        switch (type)
        {
            case DataType.Float32:
                Store32(asm, Vmovups, Vmaskmovps, destination, value, lanes);
                break;
            case DataType.BFloat16:
                StoreBFloat16(asm, destination, value, lanes);
                break;
            case DataType.Float16:
                StoreFloat16(asm, destination, value, lanes);
                break;
            default:
                ToInt32(asm, value, saturation ?? Saturation.Of(asm, type));
                FromInt32(asm, destination, type, value, lanes);
                break;
        }
    }

    /// <summary>Clamps, rounds and shifts an f32 vector to s32, in place.</summary>
    public static void ToInt32(KernelAssembler asm, Vec value, Saturation saturation)
    {
        asm.Emit(Vmaxps, value, value, saturation.Lower); // the second operand wins against NaN
        asm.Emit(Vminps, value, value, saturation.Upper);
        asm.Emit(Vcvtps2dq, value, value);
        if (saturation.ZeroPoint is { } zeroPoint)
            asm.Emit(Vpaddd, value, value, zeroPoint);
    }

    /// <summary>Stores an s32 vector whose values are inside the range of the type.</summary>
    /// <param name="asm">The kernel.</param>
    /// <param name="destination">The first element; no alignment needed.</param>
    /// <param name="type">u8, s8 or s32.</param>
    /// <param name="value">The vector; destroyed.</param>
    /// <param name="lanes">Lanes to store.</param>
    /// <exception cref="NotSupportedException">The type is another one.</exception>
    public static void FromInt32(KernelAssembler asm, Mem destination, DataType type, Vec value, ActiveLanes lanes)
    {
        switch (type)
        {
            case DataType.Int32:
                Store32(asm, Vmovdqu, Vpmaskmovd, destination, value, lanes);
                break;
            case DataType.UInt8 or DataType.Int8 when asm.Traits.HasOpmask:
                asm.Emit(Vpmovdb, lanes.Writing(destination), value);
                break;
            case DataType.UInt8 or DataType.Int8:
                PackHalves(asm, Vpackssdw, value);
                asm.Emit(type == DataType.UInt8 ? Vpackuswb : Vpacksswb, VectorWidth.V128, value, value, value);
                StoreLow(asm, destination, value, 1, lanes);
                break;
            default:
                throw new NotSupportedException($"Kernels do not store 32-bit lanes as {type}.");
        }
    }

    private static void Store32(
        KernelAssembler asm, VectorOp move, VectorOp maskedMove, Mem destination, Vec value, ActiveLanes lanes)
    {
        if (lanes.IsAll || asm.Traits.HasOpmask)
            asm.Emit(move, lanes.Writing(destination), value);
        else if (asm.Traits.Tails == TailPolicy.PartialMoves)
            PartialMoves.Store(asm, destination, value, 4, lanes);
        else
            lanes.WithVectorMask(asm, mask => asm.Emit(maskedMove, destination, mask, value));
    }

    private static void StoreFloat16(KernelAssembler asm, Mem destination, Vec value, ActiveLanes lanes)
    {
        if (lanes.IsAll || asm.Traits.HasOpmask)
        {
            asm.Emit(Vcvtps2ph, lanes.Writing(destination), value, RoundNearestEven);
            return;
        }
        asm.Emit(Vcvtps2ph, value, value, RoundNearestEven);
        StoreLow(asm, destination, value, 2, lanes);
    }

    private static void StoreBFloat16(KernelAssembler asm, Mem destination, Vec value, ActiveLanes lanes)
    {
        if (asm.Traits.HasBf16)
        {
            asm.Emit(Vcvtneps2bf16, value, value);
            asm.Emit(Vmovdqu16, VectorWidth.V256, lanes.Writing(destination), value);
            return;
        }

        // Upper half + (lower half > ½, or = ½ and upper half odd): add 0x7FFF + the lowest upper bit, then shift.
        // A NaN could overflow to infinity, so it is replaced by itself with the quiet bit set.
        // Denormals become zero first, as VCVTNEPS2BF16 treats them.
        using (Vec rounded = asm.Registers.Vec("bf16"))
        {
            asm.Emit(Vandps, rounded, value, asm.Splat(int.MaxValue));
            using (LanePredicate denormal = LanePredicate.Compare(asm, FloatComparison.Less, rounded, asm.Splat(SmallestNormal)))
            {
                asm.Emit(Vandps, rounded, value, asm.Splat(int.MinValue));
                denormal.Select(value, rounded);
            }
            asm.Emit(Vpsrld, rounded, value, 16);
            asm.Emit(Vpand, rounded, rounded, asm.Splat(1));
            asm.Emit(Vpaddd, rounded, rounded, asm.Splat(0x7FFF));
            asm.Emit(Vpaddd, rounded, rounded, value);
            using (LanePredicate isNaN = LanePredicate.Compare(asm, FloatComparison.Unordered, value, value))
            {
                asm.Emit(Vpor, value, value, asm.Splat(0x0040_0000));
                isNaN.SelectElse(value, rounded);
            }
        }
        asm.Emit(Vpsrld, value, value, 16);
        if (asm.Traits.HasOpmask)
        {
            asm.Emit(Vpmovdw, lanes.Writing(destination), value);
            return;
        }
        PackHalves(asm, Vpackusdw, value);
        StoreLow(asm, destination, value, 2, lanes);
    }

    // The dwords of a vector to the low words of an xmm register, in order.
    private static void PackHalves(KernelAssembler asm, VectorOp pack, Vec value)
    {
        if (asm.Traits.Width == VectorWidth.V128)
        {
            asm.Emit(pack, value, value, value);
            return;
        }

        using Vec upper = asm.Registers.Vec("upper half");
        asm.Emit(Vextracti128, VectorWidth.V256, upper, value, 1);
        asm.Emit(pack, VectorWidth.V128, value, value, upper);
    }

    // As many low elements of an xmm register as a vector has lanes.
    private static void StoreLow(KernelAssembler asm, Mem destination, Vec value, int elementBytes, ActiveLanes lanes)
    {
        if (!lanes.IsAll)
        {
            PartialMoves.Store(asm, destination, value, elementBytes, lanes);
        }
        else
        {
            VectorOp move = (asm.Traits.Lanes32 * elementBytes) switch { 4 => Vmovd, 8 => Vmovq, _ => Vmovdqu };
            asm.Emit(move, VectorWidth.V128, destination, value);
        }
    }
}
