// Post-op: adds what the destination holds.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Emits v + scale·(dst − zeroPoint) as one fused multiply-add.</summary>
internal sealed class SumEmitter(SumSpec spec) : IPostOpEmitter
{
    /// <inheritdoc/>
    public RegisterNeeds Needs => new(2, 0, 1);

    /// <inheritdoc/>
    public void Emit(EpilogueScope scope, ResultVector vector)
    {
        KernelAssembler asm = scope.Assembler;
        using Vec previous = asm.Registers.Vec("previous");
        TypedLoad.ToFloat(asm, previous, spec.Type, vector.Destination, vector.Active);
        if (spec.HasZeroPoint)
            asm.Emit(Vsubps, previous, previous, scope.Constant(spec.Constant + 1));
        asm.Emit(Vfmadd231ps, vector.Register, previous, scope.Constant(spec.Constant));
    }
}
