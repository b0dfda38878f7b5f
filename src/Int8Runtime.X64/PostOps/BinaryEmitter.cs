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
        if (InstructionOf(spec.Algorithm) is { } operation)
        {
            asm.Emit(operation, x, x, y);
            return;
        }

        using LanePredicate holds = LanePredicate.Compare(asm, ComparisonOf(spec.Algorithm), x, y);
        holds.ToValue(x, asm.Splat(1f));
    }

    private static VectorOp? InstructionOf(BinaryAlgorithm algorithm) => algorithm switch
    {
        BinaryAlgorithm.Add => Vaddps,
        BinaryAlgorithm.Multiply => Vmulps,
        BinaryAlgorithm.Maximum => Vmaxps,
        BinaryAlgorithm.Minimum => Vminps,
        BinaryAlgorithm.Divide => Vdivps,
        BinaryAlgorithm.Subtract => Vsubps,
        _ => null,
    };

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
