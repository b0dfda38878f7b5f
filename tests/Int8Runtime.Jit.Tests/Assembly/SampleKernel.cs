// A small kernel for tests: y[i] = a·x[i] + b with a run-time count, written once for all tiers.
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.Jit.Tests;

internal unsafe struct ScaleArguments
{
    public float* X;
    public float* Y;
    public long Count;
}

internal sealed record ScaleSpec(float A, float B);

internal sealed class ScaleGenerator : KernelGenerator<ScaleSpec>
{
    public override string NameOf(ScaleSpec spec) => $"scale_{spec.A}_{spec.B}";

    protected override void Emit(KernelAssembler asm, ScaleSpec spec)
    {
        int lanes = asm.Traits.Lanes32;
        using Gpr x = asm.Registers.Gpr("x"), y = asm.Registers.Gpr("y"), count = asm.Registers.Gpr("count");
        asm.Mov(x, asm.Arguments[0]);
        asm.Mov(y, asm.Arguments[8]);
        asm.Mov(count, asm.Arguments[16]);
        asm.Arguments.Dispose();
        using Vec value = asm.Registers.Vec("value"), b = asm.Registers.Vec("b");
        asm.Comment("b in every lane");
        asm.Emit(Vbroadcastss, b, asm.Splat(spec.B));
        asm.StepDown(count, lanes, () =>
        {
            asm.Emit(Vmovups, value, x[0]);
            asm.Emit(Vfmadd132ps, value, b, asm.Splat(spec.A));
            asm.Emit(Vmovups, y[0], value);
            asm.Add(x, lanes * 4);
            asm.Add(y, lanes * 4);
        });
        asm.Test(count, count);
        asm.JumpIf(Condition.Equal, asm.Exit);
        switch (asm.Traits.Tails)
        {
            case TailPolicy.Opmask:
                EmitOpmaskTail(asm, spec, x, y, count, value, b);
                break;
            case TailPolicy.VectorMask:
                EmitVectorMaskTail(asm, spec, x, y, count, value, b);
                break;
            default:
                EmitSingleElements(asm, spec, x, y, count, value, b);
                break;
        }
    }

    private static void EmitSingleElements(KernelAssembler asm, ScaleSpec spec, Gpr x, Gpr y, Gpr count, Vec value, Vec b)
    {
        asm.CountDown(count, () =>
        {
            asm.Emit(Vmovss, value, x[0]);
            asm.Emit(Vfmadd132ps, value, b, asm.Splat(spec.A));
            asm.Emit(Vmovss, y[0], value);
            asm.Add(x, 4);
            asm.Add(y, 4);
        });
    }

    private static void EmitOpmaskTail(KernelAssembler asm, ScaleSpec spec, Gpr x, Gpr y, Gpr count, Vec value, Vec b)
    {
        using Mask tail = asm.Registers.Mask("tail");
        using Gpr table = asm.Registers.Gpr("table");
        asm.Lea(table, asm.Table<ushort>([.. Enumerable.Range(0, 16).Select(n => (ushort)((1 << n) - 1))]));
        asm.Emit(Kmovw, tail, table[count, 2]);
        asm.Emit(Vmovups, value.Zero(tail), x[0]);
        asm.Emit(Vfmadd132ps, value, b, asm.Splat(spec.A));
        asm.Emit(Vmovups, y[0].Merge(tail), value);
    }

    private static void EmitVectorMaskTail(KernelAssembler asm, ScaleSpec spec, Gpr x, Gpr y, Gpr count, Vec value, Vec b)
    {
        using Vec tail = asm.Registers.Vec("tail");
        using Gpr table = asm.Registers.Gpr("table");
        asm.Lea(table, asm.Table<int>(-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0));
        asm.Neg(count);
        asm.Emit(Vmovdqu, tail, table[count, 4, 32]);
        asm.Emit(Vmaskmovps, value, tail, x[0]);
        asm.Emit(Vfmadd132ps, value, b, asm.Splat(spec.A));
        asm.Emit(Vmaskmovps, y[0], tail, value);
    }
}
