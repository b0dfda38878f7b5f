// Stores f32 vectors as 8-bit integers four at a time. Per vector: one minimum and one conversion; per two vectors one pack
// (and the zero point), per four one pack, one permutation and, if needed, one maximum:
//
//   x = round(min(x, upper))                   s32; the minimum lets NaN pass, which converts to the lowest integer
//   w = sat16(x[0], x[1]) + zero point         s16, saturating, so that everything far outside stays far outside
//   b = sat8(w[0], w[1])                       the lower bound of the type comes for free
//   b = max(b, lower)                          a bound above the type's own, rounded: rounding is monotone
//   b = permuted so that the bytes of each vector are neighbours: packs work inside of 128-bit lanes
//
// The bytes are the same as those of clamping in f32 first.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>The 8-bit store of an <see cref="EpilogueEmitter"/>.</summary>
internal static class PackedStore
{
    private const int Slots = 4;

    /// <summary>Rounds and stores f32 vectors, whose registers are destroyed.</summary>
    public static void Emit(EpilogueScope scope, EpilogueSpec spec, ReadOnlySpan<ResultVector> vectors)
    {
        KernelAssembler asm = scope.Assembler;
        int pieceBytes = asm.Traits.Lanes32;
        bool permutes = asm.Traits.Width > VectorWidth.V128; // packs work inside of 128-bit lanes
        Vec? order = permutes ? asm.Registers.Vec("byte order") : null;
        if (order is { } table)
            asm.Emit(Vmovdqu, table, asm.Table<int>(Order(pieceBytes / 4)));
        using Vec upper = asm.Registers.Vec("upper bound");
        asm.Emit(Vmovups, upper, scope.Constant(spec.UpperSlot));
        foreach (List<Run> quad in QuadsOf(vectors, pieceBytes))
        {
            Vec[] pieces = [.. quad.SelectMany(run => run.Pieces).Select(piece => piece.Register)];
            ToBytes(scope, spec, upper, pieces);
            Vec bytes = pieces[0];
            if (order is { } permutation)
                asm.Emit(Vpermd, bytes, permutation, bytes);
            int place = 0;
            foreach (Run run in quad)
            {
                StoreBytes(asm, bytes, place * pieceBytes, run.Bytes(pieceBytes), run.Pieces[0].Destination, free: pieces[^1]);
                place += run.Pieces.Count;
            }
        }

        order?.Dispose();
    }

    /// <summary>Rounds f32 vectors and packs each quad into its first register, inside of 128-bit lanes.</summary>
    public static void Pack(EpilogueScope scope, EpilogueSpec spec, IEnumerable<Vec[]> quads)
    {
        using Vec upper = scope.Assembler.Registers.Vec("upper bound");
        scope.Assembler.Emit(Vmovups, upper, scope.Constant(spec.UpperSlot));
        foreach (Vec[] quad in quads)
            ToBytes(scope, spec, upper, quad);
    }

    // The bytes of one to four f32 vectors, in the first register. Packs that lack a partner repeat their last vector.
    private static void ToBytes(EpilogueScope scope, EpilogueSpec spec, Vec upper, ReadOnlySpan<Vec> pieces)
    {
        KernelAssembler asm = scope.Assembler;
        foreach (Vec piece in pieces)
        {
            asm.Emit(Vminps, piece, upper, piece);
            asm.Emit(Vcvtps2dq, piece, piece);
        }

        Vec bytes = pieces[0];
        PackWords(bytes, pieces[Math.Min(1, pieces.Length - 1)]);
        if (pieces.Length > 2)
            PackWords(pieces[2], pieces[^1]);
        asm.Emit(spec.Destination == DataType.UInt8 ? Vpackuswb : Vpacksswb, bytes, bytes, pieces.Length > 2 ? pieces[2] : bytes);
        if (spec.HasLowerByte)
            asm.Emit(spec.Destination == DataType.UInt8 ? Vpmaxub : Vpmaxsb, bytes, bytes, scope.Constant(spec.LowerByteSlot));

        void PackWords(Vec low, Vec high)
        {
            asm.Emit(Vpackssdw, low, low, high);
            if (spec.HasZeroPoint)
                asm.Emit(Vpaddsw, low, low, scope.Constant(spec.ZeroPointWordSlot));
        }
    }

    // After the packs 128-bit lane l holds dwords (vector 0, lane l), (vector 1, lane l), …: dword v·lanes + l of the result
    // is dword l·4 + v.
    private static int[] Order(int lanes) => [.. Enumerable.Range(0, lanes * 4).Select(i => (i % lanes * 4) + (i / lanes))];

    // Neighbours in memory form runs of up to four; runs are then put together to quads, the longest first.
    private static List<List<Run>> QuadsOf(ReadOnlySpan<ResultVector> vectors, int pieceBytes)
    {
        var runs = new List<Run>();
        foreach (ResultVector vector in vectors.ToArray().OrderBy(v => v.Destination.Displacement))
        {
            if (runs.Count > 0 && runs[^1].Pieces.Count < Slots && runs[^1].Continues(vector, pieceBytes))
                runs[^1].Pieces.Add(vector);
            else
                runs.Add(new Run([vector]));
        }

        var quads = new List<List<Run>>();
        foreach (Run run in runs.OrderByDescending(r => r.Pieces.Count))
        {
            List<Run>? quad = quads.Find(q => q.Sum(r => r.Pieces.Count) + run.Pieces.Count <= Slots);
            if (quad is null)
                quads.Add([run]);
            else
                quad.Add(run);
        }

        return quads;
    }

    // Stores bytes [from, from + count) of a vector; from is a multiple of the vector's quarter. Where it is not 0, another
    // vector was packed into this one, whose register is free now.
    private static void StoreBytes(KernelAssembler asm, Vec value, int from, int count, Mem destination, Vec free)
    {
        if (asm.Traits.Tails != TailPolicy.Opmask)
        {
            StoreParts(asm, value, from, count, destination, free);
            return;
        }

        bool whole = count is 16 or 32 or 64;
        VectorWidth width = count <= 16 ? VectorWidth.V128 : count <= 32 ? VectorWidth.V256 : VectorWidth.V512;
        VectorOp extract = width == VectorWidth.V256 ? Vextracti64x4 : Vextracti128;
        int index = width == VectorWidth.V256 ? from / 32 : from / 16;
        if (whole && from == 0)
        {
            asm.Emit(Vmovdqu, width, destination, value);
            return;
        }

        if (whole)
        {
            asm.Emit(extract, VectorWidth.V512, destination, value, index);
            return;
        }

        if (from > 0)
            asm.Emit(extract, VectorWidth.V512, free, value, index);
        using Mask mask = asm.Registers.Mask("bytes");
        using Gpr bits = asm.Registers.Gpr("byte bits");
        asm.Mov(bits, (1L << count) - 1);
        asm.Emit(Kmovq, mask, bits);
        asm.Emit(Vmovdqu8, width, destination.Merge(mask), from > 0 ? free : value);
    }

    // Without opmasks: the largest moves of 16, 8, 4, 2 and 1 bytes that fit.
    private static void StoreParts(KernelAssembler asm, Vec value, int from, int count, Mem destination, Vec free)
    {
        if (from == 0 && count == 32)
        {
            asm.Emit(Vmovdqu, destination, value);
            return;
        }

        Vec half = value;
        for (int end = from + count; from < end;)
        {
            if (from >= 16 && half.Index == value.Index)
            {
                half = free;
                asm.Emit(Vextracti128, VectorWidth.V256, half, value, 1);
            }

            int inLane = from % 16, part = 16;
            while (part > end - from || inLane % part != 0)
                part /= 2;
            StorePart(asm, half, inLane, part, destination);
            destination += part;
            from += part;
        }
    }

    private static void StorePart(KernelAssembler asm, Vec value, int inLane, int bytes, Mem destination)
    {
        if (bytes == 16)
            asm.Emit(Vmovdqu, VectorWidth.V128, destination, value);
        else if (bytes == 8 && inLane == 0)
            asm.Emit(Vmovq, destination, value);
        else
            asm.Emit(bytes switch { 8 => Vpextrq, 4 => Vpextrd, 2 => Vpextrw, _ => Vpextrb }, destination, value, inLane / bytes);
    }

    // Vectors whose bytes are neighbours in memory; only the last may lack lanes.
    private sealed record Run(List<ResultVector> Pieces)
    {
        public bool Continues(ResultVector vector, int pieceBytes) =>
            Pieces[^1].Active.IsAll && vector.Destination.Base.Index == Pieces[0].Destination.Base.Index
            && vector.Destination.Displacement == Pieces[0].Destination.Displacement + (Pieces.Count * pieceBytes);

        public int Bytes(int pieceBytes) =>
            ((Pieces.Count - 1) * pieceBytes) + (Pieces[^1].Active.FixedCount ?? pieceBytes);
    }
}
