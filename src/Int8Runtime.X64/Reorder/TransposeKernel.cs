// Transposes of 1-, 2- and 4-byte elements as bits: source[a][b] → destination[b][a].
using System.Runtime.InteropServices;
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>What a transpose kernel does.</summary>
internal enum TransposeForm
{
    /// <summary>Square tiles through registers.</summary>
    Tile,

    /// <summary>2 to 4 rows into one dense stream: r g b planes to pixels.</summary>
    Interleave,

    /// <summary>One dense stream into 2 to 4 rows: pixels to planes.</summary>
    Deinterleave,
}

/// <summary>What the code of a transpose kernel depends on.</summary>
/// <param name="ElementBytes">1, 2 or 4.</param>
/// <param name="Form">The form.</param>
/// <param name="Streams">Rows that are interleaved; 0 for tiles.</param>
internal sealed record TransposeSpec(int ElementBytes, TransposeForm Form, int Streams = 0)
{
    /// <summary>Elements of a tile's side, or elements of each stream in one step.</summary>
    public int Step => Form != TransposeForm.Tile ? 16 / ElementBytes : ElementBytes == 4 ? 4 : 8;
}

/// <summary>Arguments of a call.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TransposeArguments
{
    /// <summary>First element of row a = 0.</summary>
    public byte* Source;

    /// <summary>First element of row b = 0.</summary>
    public byte* Destination;

    /// <summary>Bytes between rows of the source; not used by <see cref="TransposeForm.Deinterleave"/>.</summary>
    public long SourceStride;

    /// <summary>Bytes between rows of the destination; not used by <see cref="TransposeForm.Interleave"/>.</summary>
    public long DestinationStride;

    /// <summary>Tiles along a, at least 1; tiles only.</summary>
    public long TilesA;

    /// <summary>Tiles along b, or steps of the streams, at least 1.</summary>
    public long TilesB;

    /// <summary>Number of transposes, at least 1; the kernel counts down and moves the pointers in here.</summary>
    public long Count;

    /// <summary>Bytes from one transpose to the next in the source.</summary>
    public long NextSource;

    /// <summary>Bytes from one transpose to the next in the destination.</summary>
    public long NextDestination;
}

/// <summary>Generates the kernel of a <see cref="TransposeSpec"/>; all vectors are xmm.</summary>
internal sealed class TransposeGenerator : KernelGenerator<TransposeSpec>
{
    /// <inheritdoc/>
    public override string NameOf(TransposeSpec spec) =>
        $"transpose{spec.ElementBytes * 8}_{spec.Form.ToString().ToLowerInvariant()}{(spec.Streams > 0 ? spec.Streams : "")}";

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, TransposeSpec spec) => new Body(asm, spec).Emit();

    private sealed class Body(KernelAssembler asm, TransposeSpec spec)
    {
        private const int XmmBytes = 16;

        private readonly Gpr _source = asm.Registers.Gpr("source");
        private readonly Gpr _destination = asm.Registers.Gpr("destination");
        private readonly Gpr _sourceStride = asm.Registers.Gpr("source stride");
        private readonly Gpr _destinationStride = asm.Registers.Gpr("destination stride");

        public void Emit()
        {
            asm.Mov(_sourceStride, Argument(nameof(TransposeArguments.SourceStride)));
            asm.Mov(_destinationStride, Argument(nameof(TransposeArguments.DestinationStride)));
            asm.CountDown(Argument(nameof(TransposeArguments.Count)), () =>
            {
                asm.Mov(_source, Argument(nameof(TransposeArguments.Source)));
                asm.Mov(_destination, Argument(nameof(TransposeArguments.Destination)));
                if (spec.Form == TransposeForm.Tile)
                    EmitTiles();
                else
                    EmitStreams(spec.Form == TransposeForm.Interleave);
                asm.Mov(_source, Argument(nameof(TransposeArguments.NextSource)));
                asm.Add(Argument(nameof(TransposeArguments.Source)), _source);
                asm.Mov(_destination, Argument(nameof(TransposeArguments.NextDestination)));
                asm.Add(Argument(nameof(TransposeArguments.Destination)), _destination);
            });
        }

        private Mem Argument(string field) => asm.Arguments[(int)Marshal.OffsetOf<TransposeArguments>(field)];

        // For each strip of tiles along a: along b, reading on in the rows of the source.
        private void EmitTiles()
        {
            int side = spec.Step;
            using Gpr strips = asm.Registers.Gpr("strips"), tiles = asm.Registers.Gpr("tiles"),
                from = asm.Registers.Gpr("from"), to = asm.Registers.Gpr("to"), row = asm.Registers.Gpr("row");
            asm.Mov(strips, Argument(nameof(TransposeArguments.TilesA)));
            asm.CountDown(strips, () =>
            {
                asm.Mov(from, _source);
                asm.Mov(to, _destination);
                asm.Mov(tiles, Argument(nameof(TransposeArguments.TilesB)));
                asm.CountDown(tiles, () =>
                {
                    asm.Mov(row, from);
                    EmitTile(row, to);
                    asm.Add(from, side * spec.ElementBytes);
                });
                for (int i = 0; i < side; i++)
                    asm.Add(_source, _sourceStride);
                asm.Add(_destination, side * spec.ElementBytes);
            });
        }

        // Interleaving row i with row i + n/2, log₂ n times over, transposes n rows of n elements. Rows of bytes are 8 long,
        // so that after the first round two of them share a register. `to` ends behind the last row.
        private void EmitTile(Gpr row, Gpr to)
        {
            int side = spec.Step;
            bool half = side * spec.ElementBytes < XmmBytes;
            using VecArray loaded = asm.Registers.Vecs("row", side);
            using Vec low = asm.Registers.Vec("low");
            for (int i = 0; i < side; i++)
            {
                asm.Emit(half ? Vmovq : Vmovdqu, VectorWidth.V128, loaded[i], row[0]);
                asm.Add(row, _sourceStride);
            }

            (VectorOp lowOp, VectorOp highOp) = spec.ElementBytes switch
            {
                1 => (Vpunpcklbw, Vpunpckhbw),
                2 => (Vpunpcklwd, Vpunpckhwd),
                _ => (Vpunpckldq, Vpunpckhdq),
            };
            Vec[] rows = [.. Enumerable.Range(0, side).Select(i => loaded[i])];
            int rounds = int.Log2(side);
            if (half)
            {
                for (int i = 0; i < side / 2; i++)
                    asm.Emit(lowOp, VectorWidth.V128, rows[i], rows[i], rows[i + (side / 2)]);
                rows = rows[..(side / 2)];
                rounds--;
            }

            Vec free = low;
            for (int round = 0; round < rounds; round++)
            {
                var next = new Vec[rows.Length];
                for (int i = 0; i < rows.Length / 2; i++)
                {
                    Vec other = rows[i + (rows.Length / 2)];
                    asm.Emit(lowOp, VectorWidth.V128, free, rows[i], other);
                    asm.Emit(highOp, VectorWidth.V128, other, rows[i], other);
                    (next[2 * i], next[(2 * i) + 1], free) = (free, other, rows[i]);
                }

                rows = next;
            }

            foreach (Vec result in rows)
            {
                asm.Emit(half ? Vmovq : Vmovdqu, VectorWidth.V128, to[0], result);
                asm.Add(to, _destinationStride);
                if (!half)
                    continue;
                asm.Emit(Vpextrq, to[0], result, 1);
                asm.Add(to, _destinationStride);
            }
        }

        // Each result register collects its bytes from every source register by a byte shuffle.
        private void EmitStreams(bool interleave)
        {
            using Gpr steps = asm.Registers.Gpr("steps"), pointer = asm.Registers.Gpr("stream");
            using VecArray input = asm.Registers.Vecs("input", spec.Streams);
            using Vec result = asm.Registers.Vec("result"), part = asm.Registers.Vec("part");
            asm.Mov(steps, Argument(nameof(TransposeArguments.TilesB)));
            asm.CountDown(steps, () =>
            {
                asm.Mov(pointer, _source);
                for (int i = 0; i < spec.Streams; i++)
                {
                    asm.Emit(Vmovdqu, VectorWidth.V128, input[i], interleave ? pointer[0] : _source[i * XmmBytes]);
                    asm.Add(pointer, _sourceStride);
                }

                asm.Mov(pointer, _destination);
                for (int o = 0; o < spec.Streams; o++)
                {
                    for (int i = 0; i < spec.Streams; i++)
                    {
                        Vec target = i == 0 ? result : part;
                        asm.Emit(Vpshufb, VectorWidth.V128, target, input[i], asm.Table<byte>(BytesFrom(interleave, o, i)));
                        if (i > 0)
                            asm.Emit(Vpor, VectorWidth.V128, result, result, part);
                    }

                    asm.Emit(Vmovdqu, VectorWidth.V128, interleave ? _destination[o * XmmBytes] : pointer[0], result);
                    asm.Add(pointer, _destinationStride);
                }

                asm.Add(_source, interleave ? XmmBytes : XmmBytes * spec.Streams);
                asm.Add(_destination, interleave ? XmmBytes * spec.Streams : XmmBytes);
            });
        }

        // For each byte of result register o: the byte of input register i that belongs there, or 0x80 for none.
        private byte[] BytesFrom(bool interleave, int o, int i)
        {
            var bytes = new byte[XmmBytes];
            for (int k = 0; k < XmmBytes; k++)
            {
                int element = ((interleave ? o * XmmBytes : 0) + k) / spec.ElementBytes, within = k % spec.ElementBytes;
                (int register, int position) = interleave
                    ? (element % spec.Streams, (element / spec.Streams * spec.ElementBytes) + within)
                    : Math.DivRem((((element * spec.Streams) + o) * spec.ElementBytes) + within, XmmBytes);
                bytes[k] = register == i ? (byte)position : (byte)0x80;
            }

            return bytes;
        }
    }
}
