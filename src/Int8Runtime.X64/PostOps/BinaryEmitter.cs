// Post-op: a function of the value and an operand.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Emits a <see cref="BinaryAlgorithm"/>; the same bits as the reference.</summary>
internal sealed class BinaryEmitter(BinarySpec spec) : IPostOpEmitter
{
    /// <inheritdoc/>
    public RegisterNeeds Needs => spec.Mode == OperandMode.Constant ? new(1, 1) : new(3, 1);

    /// <inheritdoc/>
    public void Emit(EpilogueScope scope, ResultVector vector)
    {
        if (spec.Mode == OperandMode.Constant)
        {
            Apply(scope.Assembler, vector.Register, scope.Constant(spec.Constant));
            return;
        }

        KernelAssembler asm = scope.Assembler;
        using Vec operand = asm.Registers.Vec("operand");
        scope.LoadOperand(operand, spec, vector);
        if (spec.IsQuantized)
        {
            asm.Emit(Vsubps, operand, operand, scope.Constant(spec.Constant + 1));
            asm.Emit(Vmulps, operand, operand, scope.Constant(spec.Constant));
        }

        Apply(asm, vector.Register, operand);
    }

    private void Apply(KernelAssembler asm, Vec x, Operand y)
    {
        switch (spec.Algorithm)
        {
            case BinaryAlgorithm.Add:
                asm.Emit(Vaddps, x, x, y);
                break;
            case BinaryAlgorithm.Multiply:
                asm.Emit(Vmulps, x, x, y);
                break;
            case BinaryAlgorithm.Maximum:
                asm.Emit(Vmaxps, x, x, y);
                break;
            case BinaryAlgorithm.Minimum:
                asm.Emit(Vminps, x, x, y);
                break;
            case BinaryAlgorithm.Divide:
                asm.Emit(Vdivps, x, x, y);
                break;
            case BinaryAlgorithm.Subtract:
                asm.Emit(Vsubps, x, x, y);
                break;
            default:
                using (LanePredicate holds = LanePredicate.Compare(asm, ComparisonOf(spec.Algorithm), x, y))
                    holds.ToValue(x, asm.Splat(1f));
                break;
        }
    }

    private static FloatComparison ComparisonOf(BinaryAlgorithm algorithm) => algorithm switch
    {
        BinaryAlgorithm.GreaterOrEqual => FloatComparison.GreaterOrEqual,
        BinaryAlgorithm.Greater => FloatComparison.Greater,
        BinaryAlgorithm.LessOrEqual => FloatComparison.LessOrEqual,
        BinaryAlgorithm.Less => FloatComparison.Less,
        BinaryAlgorithm.Equal => FloatComparison.Equal,
        BinaryAlgorithm.NotEqual => FloatComparison.NotEqual,
        _ => throw new InvalidOperationException($"No code is generated for {algorithm}."),
    };
}
