// 4-bit integers as model files hold them, two in a byte, and as bytes where something reads them.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Int8Runtime.Graph;

/// <summary>
/// Elements of 4 bits, the first of a byte in its low half. They take a byte each only as long as somebody uses them so: large weights are
/// read once, when they are packed. Thread-safe.
/// </summary>
/// <param name="packed">The halves of bytes; not changed afterwards.</param>
/// <param name="count">Number of elements.</param>
/// <param name="isSigned">Whether they have a sign.</param>
internal sealed class Nibbles(ReadOnlyMemory<byte> packed, int count, bool isSigned)
{
    private static readonly ushort[] Signed = Table(isSigned: true), Unsigned = Table(isSigned: false);

    private readonly Lock _lock = new();
    private WeakReference<byte[]>? _unpacked;

    /// <summary>Two elements in each byte.</summary>
    public ReadOnlyMemory<byte> Packed => packed;

    /// <summary>Bytes of <paramref name="count"/> elements.</summary>
    public static int BytesOf(int count) => (int)(((long)count + 1) / 2);

    /// <summary>A byte for each element, sign-extended where there are signs.</summary>
    public byte[] Unpack()
    {
        lock (_lock)
        {
            if (_unpacked is not null && _unpacked.TryGetTarget(out byte[]? elements))
                return elements;
            elements = GC.AllocateUninitializedArray<byte>(count);
            CopyTo(elements);
            _unpacked = new WeakReference<byte[]>(elements);
            return elements;
        }
    }

    /// <summary>The same into memory of the caller.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void CopyTo(Span<byte> elements)
    {
        ushort[] table = isSigned ? Signed : Unsigned;
        ReadOnlySpan<byte> from = packed.Span[..BytesOf(count)];
        Span<ushort> pairs = MemoryMarshal.Cast<byte, ushort>(elements[..(count / 2 * 2)]);
        for (int i = 0; i < pairs.Length; i++)
            pairs[i] = table[from[i]];
        if (count % 2 != 0)
            elements[count - 1] = (byte)table[from[^1]];
    }

    /// <summary>The low halves of bytes, packed.</summary>
    public static byte[] Pack(ReadOnlySpan<byte> elements)
    {
        var result = new byte[BytesOf(elements.Length)];
        for (int i = 0; i < elements.Length; i++)
            result[i / 2] |= (byte)((elements[i] & 15) << (i % 2 * 4));
        return result;
    }

    // The two elements of a byte, the first one in the low byte.
    private static ushort[] Table(bool isSigned)
    {
        var table = new ushort[256];
        int sign = isSigned ? 8 : 0;
        for (int i = 0; i < table.Length; i++)
            table[i] = (ushort)((byte)(((i & 15) ^ sign) - sign) | ((byte)(((i >> 4) ^ sign) - sign) << 8));
        return table;
    }
}
