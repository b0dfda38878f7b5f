// Elements of fewer than 8 bits as files hold them: several in a byte, the first one in the low bits.
namespace Int8Runtime.Onnx;

/// <summary>Packs and unpacks integers and floating point of 4 or 2 bits.</summary>
internal static class PackedElements
{
    /// <summary>The bits of an element in a file.</summary>
    public static int BitsOf(DataType type) => type switch
    {
        DataType.Int4 or DataType.UInt4 or DataType.Float4E2M1 => 4,
        DataType.Int2 or DataType.UInt2 => 2,
        _ => 8 * type.SizeInBytes(),
    };

    /// <summary>The number of bytes of elements in a file.</summary>
    public static long BytesOf(DataType type, long elements) => ((elements * BitsOf(type)) + 7) / 8;

    /// <summary>One byte for each element, sign-extended where the type is signed.</summary>
    public static byte[] Unpack(DataType type, ReadOnlySpan<byte> packed, int elements)
    {
        int bits = BitsOf(type), perByte = 8 / bits, mask = (1 << bits) - 1,
            sign = type is DataType.Int4 or DataType.Int2 ? 1 << (bits - 1) : 0;
        var result = new byte[elements];
        for (int i = 0; i < elements; i++)
        {
            int code = (packed[i / perByte] >> (i % perByte * bits)) & mask;
            result[i] = unchecked((byte)((code ^ sign) - sign));
        }

        return result;
    }

    /// <summary>The low bits of each byte, packed.</summary>
    public static byte[] Pack(DataType type, ReadOnlySpan<byte> elements)
    {
        int bits = BitsOf(type), perByte = 8 / bits, mask = (1 << bits) - 1;
        var result = new byte[BytesOf(type, elements.Length)];
        for (int i = 0; i < elements.Length; i++)
            result[i / perByte] |= (byte)((elements[i] & mask) << (i % perByte * bits));
        return result;
    }
}
