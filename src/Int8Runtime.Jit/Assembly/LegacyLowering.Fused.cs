// Multiply-add without FMA: in two roundings where the operation allows it, else exactly as the fused instruction.
//
// The fused one in f64: the product p of two f32 is exact there, and s = p + c is rounded once. Rounding s to f32 would be a
// second rounding, which goes wrong where s has become a tie by the first. So s is made "odd": if it is inexact and its last bit
// is 0, it moves by one unit to the side where the exact sum lies. As f64 has more than twice the bits of f32 and two
// more, the odd s rounds to f32 as the exact sum does (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums",
// 2008). Whether s is inexact and to which side is told by its error e = (p − (s − v)) + (c − v), v = s − p (Knuth's TwoSum).
using static Iced.Intel.Code;
using static Int8Runtime.Jit.VectorOp;
using IcedCode = Iced.Intel.Code;

namespace Int8Runtime.Jit;

internal sealed partial class LegacyLowering
{
    // d = ±a·b + c with a rounded product.
    private void MultiplyAdd(VectorOp operation, ReadOnlySpan<Operand> operands)
    {
        Operand d = operands[0];
        if (operation == Vmuladd213ps)
        {
            Operand factor = Aligned(operands[1], Xmm1);
            Emit(Mulps_xmm_xmmm128, d, factor);
            Emit(Addps_xmm_xmmm128, d, Aligned(operands[2], Xmm1));
            return;
        }

        Emit(Movups_xmm_xmmm128, Xmm1, operands[2]);
        Emit(Mulps_xmm_xmmm128, Xmm1, operands[1]);
        Emit(operation == Vnmuladd231ps ? Subps_xmm_xmmm128 : Addps_xmm_xmmm128, d, Xmm1);
    }

    // The operand as it can be used by an instruction, loaded first if it has to be.
    private Operand Aligned(Operand operand, Vec free)
    {
        if (!IsMisaligned(Forms.GetOrAdd(Mulps_xmm_xmmm128, OpcodeForm.Of), operand))
            return operand;
        Emit(Movups_xmm_xmmm128, free, operand);
        return free;
    }

    private void FusedMultiplyAdd(VectorOp operation, ReadOnlySpan<Operand> operands)
    {
        (Operand a, Operand b, Operand c) = operation switch
        {
            Vfmadd132ps or Vfmsub132ps or Vfnmadd132ps => (operands[0], operands[2], operands[1]),
            Vfmadd213ps or Vfmsub213ps or Vfnmadd213ps => (operands[1], operands[0], operands[2]),
            _ => (operands[1], operands[2], operands[0]),
        };
        bool negatesProduct = operation is Vfnmadd132ps or Vfnmadd213ps or Vfnmadd231ps;
        bool subtracts = operation is Vfmsub132ps or Vfmsub213ps or Vfmsub231ps;
        using var borrowed = new Borrowed(this, asm, operands);
        Vec product = Xmm0, addend = Xmm1, sum = borrowed.Take(), other = borrowed.Take(), upper = borrowed.Take();
        for (int half = 1; half >= 0; half--)
        {
            Widen(product, a, half);
            Widen(addend, b, half);
            Emit(Mulpd_xmm_xmmm128, product, addend);
            if (negatesProduct)
                Emit(Xorpd_xmm_xmmm128, product, asm.Splat(long.MinValue));
            Widen(addend, c, half);
            if (subtracts)
                Emit(Xorpd_xmm_xmmm128, addend, asm.Splat(long.MinValue));
            OddSum(sum, product, addend, other);
            Emit(Cvtpd2ps_xmm_xmmm128, half == 1 ? upper : sum, sum);
        }

        Emit(Movlhps_xmm_xmm, sum, upper);
        Copy(operands[0], sum);
    }

    // Two lanes as f64.
    private void Widen(Vec destination, Operand source, int half)
    {
        if (source.Kind == OperandKind.Memory)
        {
            bool repeats = source.Memory.Constant is { SplatElement: 4 };
            Emit(Cvtps2pd_xmm_xmmm64, destination, repeats ? source.Memory : source.Memory + (8 * half));
            return;
        }

        if (half == 1)
        {
            Emit(Movhlps_xmm_xmm, destination, source);
            source = destination;
        }

        Emit(Cvtps2pd_xmm_xmmm64, destination, source);
    }

    // sum = p + c, rounded to odd; the other registers are destroyed.
    private void OddSum(Vec sum, Vec p, Vec c, Vec other)
    {
        Copy(sum, p);
        Emit(Addpd_xmm_xmmm128, sum, c);
        Copy(other, sum);
        Emit(Subpd_xmm_xmmm128, other, p); // v
        Emit(Subpd_xmm_xmmm128, c, other);
        Emit(Subpd_xmm_xmmm128, other, sum); // v − s
        Emit(Addpd_xmm_xmmm128, p, other);
        Emit(Addpd_xmm_xmmm128, p, c); // e

        // Subtract 1 from the bits where the signs of e and s differ, then set the last bit: the even neighbour of an even s is
        // passed over, an odd s stays. An infinite or undefined s has an undefined e, which is not above 0.
        Copy(other, p);
        Emit(Xorpd_xmm_xmmm128, other, sum);
        Emit(Psrlq_xmm_imm8, other, 63);
        Emit(Andpd_xmm_xmmm128, p, asm.Splat(long.MaxValue));
        Emit(Xorpd_xmm_xmmm128, c, c);
        Emit(Cmppd_xmm_xmmm128_imm8, c, p, 1);
        Emit(Pand_xmm_xmmm128, other, c);
        Emit(Psubq_xmm_xmmm128, sum, other);
        Emit(Psrlq_xmm_imm8, c, 63);
        Emit(Por_xmm_xmmm128, sum, c);
    }
}
