// Post-ops with an operand: load it, dequantize it, apply a function of the value and the operand.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Emits an <see cref="OperandSpec"/>; the same bits as the reference.</summary>
internal abstract class OperandEmitter(OperandSpec spec) : IPostOpEmitter
{
    /// <inheritdoc/>
    public RegisterNeeds Needs => spec.Mode == OperandMode.Constant ? new(1, 1) : new(3, 1);

    /// <summary>The emitter of a post-op with an operand.</summary>
    public static OperandEmitter Of(OperandSpec spec) => spec switch
    {
        BinarySpec binary => new BinaryEmitter(binary),
        PReluSpec prelu => new PReluEmitter(prelu),
        _ => throw new InvalidOperationException($"No code is generated for {spec}."),
    };

    /// <inheritdoc/>
    public void Emit(EpilogueScope scope, ResultVector vector)
    {
        KernelAssembler asm = scope.Assembler;
        if (spec.Mode == OperandMode.Constant)
        {
            ApplyConstant(asm, vector.Register, scope.Constant(spec.Constant));
            return;
        }

        using Vec operand = asm.Registers.Vec("operand");
        scope.Load(operand, spec.Type, spec.Mode, EpilogueArguments.OffsetOfOperand(spec.Operand), vector);
        if (spec.IsQuantized)
        {
            asm.Emit(Vsubps, operand, operand, scope.Constant(spec.Constant + 1));
            asm.Emit(Vmulps, operand, operand, scope.Constant(spec.Constant));
        }

        Apply(asm, vector.Register, operand);
    }

    /// <summary>Replaces x by the function of x and the operand, whose register may be destroyed.</summary>
    protected abstract void Apply(KernelAssembler asm, Vec x, Vec operand);

    /// <summary>Replaces x by the function of x and a constant in memory.</summary>
    protected virtual void ApplyConstant(KernelAssembler asm, Vec x, Mem constant)
    {
        using Vec operand = asm.Registers.Vec("operand");
        asm.Emit(Vmovups, operand, constant);
        Apply(asm, x, operand);
    }
}

/// <summary>x &gt; 0 ? x : slope·x.</summary>
internal sealed class PReluEmitter(PReluSpec spec) : OperandEmitter(spec)
{
    /// <inheritdoc/>
    protected override void Apply(KernelAssembler asm, Vec x, Vec operand)
    {
        asm.Emit(Vmulps, operand, operand, x);
        using LanePredicate positive = LanePredicate.Compare(asm, FloatComparison.Greater, x, asm.Splat(0f));
        positive.SelectElse(x, operand);
    }
}
