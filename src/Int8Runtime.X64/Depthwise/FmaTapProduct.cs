// Float taps, in f32 whatever the stored type: one or two vectors of channels, one row at a time. The window's weights stay in registers
// if they fit.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Taps in f32 by fused multiply-add.</summary>
internal sealed class FmaTapProduct : TapProduct
{
    // Beside resident weights there must be room for the column and at least this many outputs.
    private const int LeastOutputs = 3;

    private readonly ActiveLanes _last;
    private readonly int _vectors;

    /// <summary>Prepares the kernel: leases the weights' registers if they fit.</summary>
    public FmaTapProduct(KernelAssembler asm, DepthwiseKernelSpec spec, int epilogueRegisters)
        : base(asm, spec)
    {
        _vectors = (spec.Channels + Geometry.Lanes - 1) / Geometry.Lanes;
        _last = ActiveLanes.First(asm, spec.Channels - ((_vectors - 1) * Geometry.Lanes));
        HoldWeights((LeastOutputs * Geometry.Vectors) + Math.Max(ColumnRegisters, epilogueRegisters));
    }

    /// <inheritdoc/>
    public override int ColumnRegisters => Geometry.Vectors;

    /// <inheritdoc/>
    public override Vec[] Load(VecArray registers, int rows, Func<int, Mem> address)
    {
        Mem pixel = address(0);
        for (int v = 0; v < _vectors; v++)
        {
            Mem channels = pixel + (v * Geometry.Lanes * Spec.Source.SizeInBytes());
            TypedLoad.ToFloat(Asm, registers[v], Spec.Source, channels, v == _vectors - 1 ? _last : ActiveLanes.All);
        }

        return [.. Enumerable.Range(0, _vectors).Select(v => registers[v])];
    }

    /// <inheritdoc/>
    public override Vec[] LoadPadding(VecArray registers, Mem padding) =>
        throw new InvalidOperationException("Padding of f32 is 0 and never multiplied.");

    /// <inheritdoc/>
    public override void Multiply(VecArray registers, Vec[] column, ReadOnlySpan<Vec> sums, int tap, Mem weights)
    {
        for (int v = 0; v < column.Length; v++)
            Asm.Emit(Vmuladd231ps, sums[v], column[v], WeightsOf(tap, v, weights));
    }

    /// <inheritdoc/>
    public override void End()
    {
        base.End();
        _last.Dispose();
    }
}
