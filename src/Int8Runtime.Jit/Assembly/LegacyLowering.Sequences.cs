// Operations that AVX has in one instruction and SSE4.1 has not: broadcasts, selections by a mask, comparisons with the
// operands exchanged, conversions from and to f16.
using static Iced.Intel.Code;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.Jit;

internal sealed partial class LegacyLowering
{
    // Rounds to nearest even whatever the mode of the processor is.
    private const int NearestEven = 0;

    private bool EmitSequence(VectorOp operation, ReadOnlySpan<Operand> operands)
    {
        switch (operation)
        {
            case Vbroadcastss or Vpbroadcastd when operands[1].Memory.Constant is { SplatElement: 4 }:
                Emit(Movaps_xmm_xmmm128, operands);
                return true;
            case Vbroadcastss:
                Broadcast(Movss_xmm_xmmm32, operands[0], operands[1]);
                return true;
            case Vpbroadcastd:
                Broadcast(Movd_xmm_rm32, operands[0], operands[1]);
                return true;
            case Vblendvps or Vpblendvb:
                Blend(operation == Vblendvps ? Blendvps_xmm_xmmm128 : Pblendvb_xmm_xmmm128, operands);
                return true;
            case Vcmpps when operands[3].Value > 7:
                EmitExchangedComparison(operands);
                return true;
            case Vmuladd213ps or Vmuladd231ps or Vnmuladd231ps:
                MultiplyAdd(operation, operands);
                return true;
            case Vfmadd132ps or Vfmadd213ps or Vfmadd231ps or Vfmsub132ps or Vfmsub213ps or Vfmsub231ps
                or Vfnmadd132ps or Vfnmadd213ps or Vfnmadd231ps:
                FusedMultiplyAdd(operation, operands);
                return true;
            case Vcvtph2ps:
                FromFloat16(operands[0], operands[1]);
                return true;
            case Vcvtps2ph when operands[2].Value == NearestEven && operands[1].Kind == OperandKind.Vector:
                ToFloat16(operands);
                return true;
            default:
                return false;
        }
    }

    // One element in all lanes.
    private void Broadcast(Iced.Intel.Code load, Operand destination, Operand source)
    {
        if (source.Kind != OperandKind.Vector)
        {
            Emit(load, destination, source);
            source = destination;
        }

        Emit(Pshufd_xmm_xmmm128_imm8, destination, source, 0);
    }

    // d = mask ? b : a; the instruction finds the mask in xmm0 and a in d.
    private void Blend(Iced.Intel.Code code, ReadOnlySpan<Operand> operands)
    {
        Operand d = operands[0], a = operands[1], b = operands[2];
        Copy(Xmm0, operands[3]);
        if (b.Kind == OperandKind.Memory || (IsSame(d, b) && !IsSame(d, a)))
        {
            Emit(Movups_xmm_xmmm128, Xmm1, b);
            b = Xmm1;
        }

        Copy(d, a);
        Emit(code, d, b);
    }

    // a ≥ b is b ≤ a, a > b is b < a, and their negations; the other predicates of AVX have no twin.
    private void EmitExchangedComparison(ReadOnlySpan<Operand> operands)
    {
        const int NotGreaterOrEqual = 9, NotGreater = 10, GreaterOrEqual = 13, Greater = 14;
        const int Less = 1, LessOrEqual = 2, NotLess = 5, NotLessOrEqual = 6;
        int exchanged = operands[3].Value switch
        {
            NotGreaterOrEqual => NotLessOrEqual,
            NotGreater => NotLess,
            GreaterOrEqual => LessOrEqual,
            Greater => Less,
            _ => throw OpcodeTable.NoForm(Vcmpps, asm.Traits.Isa, VectorWidth.V128, operands),
        };
        Emit(Movups_xmm_xmmm128, Xmm1, operands[2]);
        Emit(Cmpps_xmm_xmmm128_imm8, Xmm1, operands[1], exchanged);
        Copy(operands[0], Xmm1);
    }

    // Below infinity the bits of an f16, moved to the place of f32's, are the number times 2^-112, also if it is denormal.
    private void FromFloat16(Operand destination, Operand source)
    {
        Emit(Pmovzxwd_xmm_xmmm64, destination, source);
        Copy(Xmm0, destination);
        Emit(Pand_xmm_xmmm128, Xmm0, asm.Splat(0x7FFF));
        Copy(Xmm1, Xmm0);
        Emit(Pslld_xmm_imm8, Xmm1, 13);
        Emit(Mulps_xmm_xmmm128, Xmm1, asm.Splat(0x7780_0000)); // 2^112
        Emit(Pcmpgtd_xmm_xmmm128, Xmm0, asm.Splat(0x7BFF));
        Emit(Pand_xmm_xmmm128, Xmm0, asm.Splat(0x7F80_0000));
        Emit(Por_xmm_xmmm128, Xmm1, Xmm0); // infinity and NaN
        Emit(Pslld_xmm_imm8, destination, 16);
        Emit(Pand_xmm_xmmm128, destination, asm.Splat(int.MinValue));
        Emit(Por_xmm_xmmm128, destination, Xmm1);
        Copy(Xmm0, destination);
        Emit(Cmpps_xmm_xmmm128_imm8, Xmm0, Xmm0, 3);
        Emit(Pand_xmm_xmmm128, Xmm0, asm.Splat(0x0040_0000));
        Emit(Por_xmm_xmmm128, destination, Xmm0); // NaN is quiet
    }

    // Three results: for numbers that are normal as f16, for smaller ones, for those beyond and NaN.
    private void ToFloat16(ReadOnlySpan<Operand> operands)
    {
        Operand source = operands[1];
        using var borrowed = new Borrowed(this, asm, operands);
        Vec magnitude = Xmm0, normal = Xmm1, result = borrowed.Take(), mask = borrowed.Take();
        Copy(magnitude, source);
        Emit(Pand_xmm_xmmm128, magnitude, asm.Splat(int.MaxValue));

        // Added to ½, a number below 2^-14 is rounded to a multiple of 2^-24, the smallest f16; the multiple is in the low bits.
        Copy(result, magnitude);
        Emit(Addps_xmm_xmmm128, result, asm.Splat(0.5f));
        Emit(Psubd_xmm_xmmm128, result, asm.Splat(0.5f));

        // Half of what is cut off, less 1 unless the last bit that stays is odd, makes the cut a rounding to nearest even.
        Copy(normal, magnitude);
        Emit(Psrld_xmm_imm8, normal, 13);
        Emit(Pand_xmm_xmmm128, normal, asm.Splat(1));
        Emit(Paddd_xmm_xmmm128, normal, magnitude);
        Emit(Paddd_xmm_xmmm128, normal, asm.Splat(0xFFF - ((127 - 15) << 23)));
        Emit(Psrld_xmm_imm8, normal, 13);

        Emit(Movaps_xmm_xmmm128, mask, asm.Splat(0x3880_0000)); // 2^-14
        Emit(Pcmpgtd_xmm_xmmm128, mask, magnitude);
        Choose(result, mask, normal);

        Vec beyond = normal;
        Copy(beyond, magnitude);
        Emit(Pcmpgtd_xmm_xmmm128, beyond, asm.Splat(0x477F_FFFF)); // 2^16 and more
        Copy(mask, magnitude);
        Emit(Pcmpgtd_xmm_xmmm128, mask, asm.Splat(0x7F80_0000)); // NaN
        Emit(Psrld_xmm_imm8, magnitude, 13);
        Emit(Pand_xmm_xmmm128, magnitude, asm.Splat(0x1FF));
        Emit(Por_xmm_xmmm128, magnitude, asm.Splat(0x200));
        Emit(Pand_xmm_xmmm128, magnitude, mask);
        Emit(Por_xmm_xmmm128, magnitude, asm.Splat(0x7C00));
        Choose(magnitude, beyond, result);

        Vec sign = beyond;
        Copy(sign, source);
        Emit(Psrld_xmm_imm8, sign, 16);
        Emit(Pand_xmm_xmmm128, sign, asm.Splat(0x8000));
        Emit(Por_xmm_xmmm128, magnitude, sign);
        Emit(Packusdw_xmm_xmmm128, magnitude, magnitude);
        if (operands[0].Kind == OperandKind.Memory)
            Emit(Movq_rm64_xmm, operands[0], magnitude);
        else
            Emit(Movq_xmm_xmmm64, operands[0], magnitude);
    }

    // value = mask ? value : other; destroys the mask.
    private void Choose(Vec value, Vec mask, Vec other)
    {
        Emit(Pand_xmm_xmmm128, value, mask);
        Emit(Pandn_xmm_xmmm128, mask, other);
        Emit(Por_xmm_xmmm128, value, mask);
    }
}
