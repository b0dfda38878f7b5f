// Combines the lanes of one vector, and values where a NaN must not get lost.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

internal static class LaneReduction
{
    /// <summary>Combines all lanes of a vector and puts the result into each.</summary>
    /// <param name="asm">The kernel.</param>
    /// <param name="value">The vector.</param>
    /// <param name="combine">Emits <c>value = f(value, other)</c>; may destroy the other.</param>
    public static void Combine(KernelAssembler asm, Vec value, Action<Vec> combine)
    {
        using Vec other = asm.Registers.Vec("other lanes");
        if (asm.Traits.HasOpmask)
        {
            asm.Emit(Vshufi32x4, other, value, value, 0b01_00_11_10);
            combine(other);
            asm.Emit(Vshufi32x4, other, value, value, 0b10_11_00_01);
            combine(other);
        }
        else if (asm.Traits.Width == VectorWidth.V256)
        {
            asm.Emit(Vperm2i128, other, value, value, 1);
            combine(other);
        }

        asm.Emit(Vpshufd, other, value, 0b01_00_11_10);
        combine(other);
        asm.Emit(Vpshufd, other, value, 0b10_11_00_01);
        combine(other);
    }

    /// <summary>best = the larger (VMAXPS) or smaller (VMINPS) of both; a NaN wins and stays.</summary>
    public static void Extreme(KernelAssembler asm, VectorOp operation, Vec best, Vec candidate)
    {
        using Vec previous = asm.Registers.Vec("previous best");
        asm.Emit(Vmovaps, previous, best);
        asm.Emit(operation, best, best, candidate); // the candidate where one is NaN
        using LanePredicate nan = LanePredicate.Compare(asm, FloatComparison.Unordered, previous, previous);
        nan.Select(best, previous);
    }
}
