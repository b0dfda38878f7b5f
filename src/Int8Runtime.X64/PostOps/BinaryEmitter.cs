// Post-op: a function of the value and an operand.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Emits a <see cref="BinaryAlgorithm"/>.</summary>
internal sealed class BinaryEmitter(BinarySpec spec) : OperandEmitter(spec)
{
    /// <inheritdoc/>
    protected override void Apply(KernelAssembler asm, Vec x, Vec operand) => Apply(asm, x, (Operand)operand);

    /// <inheritdoc/>
    protected override void ApplyConstant(KernelAssembler asm, Vec x, Mem constant) => Apply(asm, x, (Operand)constant);

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
