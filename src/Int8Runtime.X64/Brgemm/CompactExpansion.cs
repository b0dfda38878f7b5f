// The kernel that writes compact weights to memory as f32, for products that read each of them many times.
using System.Runtime.InteropServices;
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>What the code depends on.</summary>
/// <param name="Format">The weights.</param>
/// <param name="ExpandedStride">Bytes from an expanded vector of columns to the next.</param>
internal sealed record CompactExpansionSpec(CompactFormat Format, int ExpandedStride);

/// <summary>Arguments of a call; the kernel only reads them.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CompactExpansionArguments
{
    /// <summary>The first compact vector.</summary>
    public byte* Weights;

    /// <summary>Receives a row of f32 lanes for each row of weights, vector after vector.</summary>
    public byte* Expanded;

    /// <summary>Number of vectors, at least 1.</summary>
    public long Vectors;
}

/// <summary>Generates the expansion of vectors of columns.</summary>
internal sealed class CompactExpansion : KernelGenerator<CompactExpansionSpec>
{
    private const int Unroll = 8;

    /// <inheritdoc/>
    public override string NameOf(CompactExpansionSpec spec) => $"expand_{spec.Format}_b{spec.ExpandedStride}";

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, CompactExpansionSpec spec)
    {
        CompactFormat format = spec.Format;
        int rowBytes = asm.Traits.VectorBytes, expandedBytes = checked(format.Rows * rowBytes);
        using Gpr vectors = asm.Registers.Gpr("vectors"), weights = asm.Registers.Gpr("weights");
        using Gpr start = asm.Registers.Gpr("start"), expanded = asm.Registers.Gpr("expanded");
        using var reader = new CompactReader(asm, format, vectors: 1);
        using VecArray row = asm.Registers.Vecs("row", format.RowsTogether);
        asm.Mov(start, asm.Arguments[0]);
        asm.Mov(expanded, asm.Arguments[sizeof(long)]);
        asm.Mov(vectors, asm.Arguments[2 * sizeof(long)]);
        asm.CountDown(vectors, () =>
        {
            asm.Mov(weights, start);
            reader.ForGroups(weights, EmitRows);
            asm.Add(start, checked((int)format.VectorStride));
            if (spec.ExpandedStride != expandedBytes)
                asm.Add(expanded, spec.ExpandedStride - expandedBytes);
        });

        void EmitRows(int rows)
        {
            if (rows > 2 * Unroll)
            {
                using Gpr loops = asm.Registers.Gpr("loops");
                asm.Mov(loops, rows / Unroll);
                asm.CountDown(loops, () => EmitStraight(Unroll));
                rows %= Unroll;
            }

            EmitStraight(rows);
        }

        void EmitStraight(int rows)
        {
            for (int first = 0; first < rows; first += format.RowsTogether)
            {
                int together = Math.Min(format.RowsTogether, rows - first);
                reader.Load(weights, 0, first, together, s => row[s]);
                for (int s = 0; s < together; s++)
                    asm.Emit(Vmovups, expanded[(first + s) * rowBytes], row[s]);
            }

            if (rows == 0)
                return;
            asm.Add(weights, format.BytesOf(rows));
            asm.Add(expanded, rows * rowBytes);
        }
    }
}
