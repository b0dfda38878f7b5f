// Four rows of 8-bit weights become one step: for each column four bytes that follow each other.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Int8Runtime.X64;

/// <summary>Interleaves steps of bytes, sums their columns, and finds pairs whose products may leave 16 bits.</summary>
/// <param name="lanes">Columns of a vector: 4, 8 or 16.</param>
/// <param name="flip">What every byte is combined with by exclusive or.</param>
internal readonly unsafe struct ByteInterleave(int lanes, byte flip)
{
    /// <summary>Room for a row. Rows are read eight columns at a time.</summary>
    public const int RowBytes = 16;

    private const int Group = 8;

    /// <summary>Copies one row into the step that is next.</summary>
    /// <param name="four">Room for four rows.</param>
    /// <param name="index">Which of the four.</param>
    /// <param name="row">The columns.</param>
    /// <param name="count">Number of columns.</param>
    public void Place(byte* four, int index, byte* row, int count)
    {
        if (count == RowBytes)
            Vector128.Load(row).Store(four + (index * RowBytes));
        else
            Unsafe.CopyBlockUnaligned(four + (index * RowBytes), row, (uint)count);
    }

    /// <summary>Writes one step.</summary>
    /// <param name="four">The rows.</param>
    /// <param name="present">Rows that were placed; the others are zeros.</param>
    /// <param name="count">Columns that were placed; the others are zeros.</param>
    /// <param name="packed">Receives four bytes for each lane.</param>
    /// <param name="sums">The sum of each column, added to.</param>
    /// <returns>Whether two neighbouring weights add up to more than 128 or less than −128.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Run(byte* four, int present, int count, sbyte* packed, int* sums)
    {
        Vector128<byte> flips = Vector128.Create(flip);
        Vector128<short> largest = Vector128<short>.Zero;
        for (int first = 0; first < lanes; first += Group)
        {
            // Bytes 0 to 7: eight columns of one row. Absent columns and rows must be zeros after the flip.
            Vector128<byte> valid =
                Vector128.LessThan(Vector128<byte>.Indices, Vector128.Create((byte)Math.Clamp(count - first, 0, Group)));
            Vector128<byte> a = Row(four, first, 0), b = Row(four, first, 1), c = Row(four, first, 2), d = Row(four, first, 3);

            // Words: pairs of one column; then dwords: its four bytes.
            Vector128<short> ab = Sse2.UnpackLow(a, b).AsInt16(), cd = Sse2.UnpackLow(c, d).AsInt16();
            Write(Sse2.UnpackLow(ab, cd).AsSByte(), first, ref largest);
            if (lanes - first > 4)
                Write(Sse2.UnpackHigh(ab, cd).AsSByte(), first + 4, ref largest);

            Vector128<byte> Row(byte* rows, int column, int index) => index >= present
                ? Vector128<byte>.Zero
                : (Vector128.CreateScalar(*(ulong*)(rows + (index * RowBytes) + column)).AsByte() ^ flips) & valid;
        }

        return Vector128.GreaterThanAny(largest, Vector128.Create((short)128));

        void Write(Vector128<sbyte> step, int lane, ref Vector128<short> extreme)
        {
            step.Store(packed + (lane * 4));
            Vector128<short> pairs = Ssse3.MultiplyAddAdjacent(Vector128.Create((byte)1), step);
            extreme = Vector128.Max(extreme, Vector128.Abs(pairs));
            (Sse2.MultiplyAddAdjacent(pairs, Vector128<short>.One) + Vector128.Load(sums + lane)).Store(sums + lane);
        }
    }
}
