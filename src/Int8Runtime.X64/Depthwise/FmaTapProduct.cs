// Float taps, in f32 whatever the stored type: one vector of channels, one row at a time. The window's weights stay in registers
// if they fit.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Taps in f32 by fused multiply-add.</summary>
internal sealed class FmaTapProduct : TapProduct
{
    // Beside resident weights there must be room for the column and at least this many outputs.
    private const int LeastOutputs = 3;

    private readonly ActiveLanes _lanes;

    /// <summary>Prepares the kernel: leases the weights' registers if they fit.</summary>
    public FmaTapProduct(KernelAssembler asm, DepthwiseKernelSpec spec, int epilogueRegisters)
        : base(asm, spec)
    {
        _lanes = ActiveLanes.First(asm, spec.Channels);
        HoldWeights(LeastOutputs + Math.Max(ColumnRegisters, epilogueRegisters));
    }

    /// <inheritdoc/>
    public override int ColumnRegisters => 1;

    /// <inheritdoc/>
    public override Vec[] Load(VecArray registers, int rows, Func<int, Mem> address)
    {
        TypedLoad.ToFloat(Asm, registers[0], Spec.Source, address(0), _lanes);
        return [registers[0]];
    }

    /// <inheritdoc/>
    public override Vec[] LoadPadding(VecArray registers, Mem padding) =>
        throw new InvalidOperationException("Padding of f32 is 0 and never multiplied.");

    /// <inheritdoc/>
    public override void Multiply(VecArray registers, Vec[] column, ReadOnlySpan<Vec> sums, int tap, Mem weights) =>
        Asm.Emit(Vmuladd231ps, sums[0], column[0], WeightsOf(tap, 0, weights));

    /// <inheritdoc/>
    public override void End()
    {
        base.End();
        _lanes.Dispose();
    }
}
