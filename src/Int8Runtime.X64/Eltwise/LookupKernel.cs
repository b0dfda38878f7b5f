// Replaces bytes by entries of a table of 256, a vector of them at a time.
//
//   high, low = the two halves of each byte                       0 … 15 in a byte
//   for each of the 16 rows of the table:                          a row is one operand of VPSHUFB
//     result = row[low] where high = the number of the row
//   the rest behind the last whole vector: one byte after the other
using System.Runtime.InteropServices;
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>What the code of a lookup depends on: nothing but the instruction set.</summary>
internal sealed record LookupSpec;

/// <summary>Arguments of a call.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LookupArguments
{
    /// <summary>First byte; may be that of the destination.</summary>
    public byte* Source;

    /// <summary>First byte.</summary>
    public byte* Destination;

    /// <summary>The rows, each repeated over <see cref="LookupGenerator.RowBytes"/> bytes, then the 256 entries in order.</summary>
    public byte* Table;

    /// <summary>Number of bytes.</summary>
    public long Count;
}

/// <summary>Generates the kernel.</summary>
internal sealed class LookupGenerator : KernelGenerator<LookupSpec>
{
    /// <summary>Bytes of a row, which fill the widest vector.</summary>
    public const int RowBytes = 64;

    /// <summary>Rows of a table.</summary>
    public const int Rows = 16;

    /// <inheritdoc/>
    public override string NameOf(LookupSpec spec) => "lookup";

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, LookupSpec spec)
    {
        using Gpr source = asm.Registers.Gpr("source"), destination = asm.Registers.Gpr("destination");
        using Gpr table = asm.Registers.Gpr("table"), count = asm.Registers.Gpr("count"), value = asm.Registers.Gpr("value");
        Load(source, nameof(LookupArguments.Source));
        Load(destination, nameof(LookupArguments.Destination));
        Load(table, nameof(LookupArguments.Table));
        Load(count, nameof(LookupArguments.Count));
        int bytes = asm.Traits.VectorBytes;
        asm.StepDown(count, bytes, () =>
        {
            EmitVector(asm, source[0], destination[0], table);
            asm.Add(source, bytes);
            asm.Add(destination, bytes);
        });
        asm.Test(count, count);
        asm.SkipIf(Condition.Equal, () => asm.CountDown(count, () =>
        {
            asm.MovZx8(value, source[0]);
            asm.MovZx8(value, table[value, 1, Rows * RowBytes]);
            asm.Mov8(destination[0], value);
            asm.Add(source, 1);
            asm.Add(destination, 1);
        }));

        void Load(Gpr register, string field) => asm.Mov(register, asm.Arguments[(int)Marshal.OffsetOf<LookupArguments>(field)]);
    }

    private static void EmitVector(KernelAssembler asm, Mem source, Mem destination, Gpr table)
    {
        using Vec low = asm.Registers.Vec("low half"), high = asm.Registers.Vec("high half"), result = asm.Registers.Vec("result");
        asm.Emit(Vmovdqu8, low, source);
        asm.Emit(Vpsrlw, high, low, 4);
        asm.Emit(Vpand, high, high, asm.Splat(0x0F0F0F0F));
        asm.Emit(Vpand, low, low, asm.Splat(0x0F0F0F0F));
        using Vec row = asm.Registers.Vec("row");
        for (int i = 0; i < Rows; i++)
        {
            asm.Emit(Vmovdqu8, row, table[i * RowBytes]);
            if (i == 0)
            {
                asm.Emit(Vpshufb, result, row, low);
            }
            else if (asm.Traits.HasOpmask)
            {
                using Mask chosen = asm.Registers.Mask("chosen");
                asm.Emit(Vpcmpeqb, chosen, high, asm.Splat((byte)i));
                asm.Emit(Vpshufb, result.Merge(chosen), row, low);
            }
            else
            {
                using Vec chosen = asm.Registers.Vec("chosen");
                asm.Emit(Vpcmpeqb, chosen, high, asm.Splat((byte)i));
                asm.Emit(Vpshufb, row, row, low);
                asm.Emit(Vpblendvb, result, result, row, chosen);
            }
        }

        asm.Emit(Vmovdqu8, destination, result);
    }
}
