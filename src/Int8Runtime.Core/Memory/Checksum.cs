// A checksum that keeps pace with memory.
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Int8Runtime;

/// <summary>
/// Finds damage of files: four interleaved CRC-32C, because the instruction takes three cycles but one can start in each. It is no
/// protection against someone who may write the file.
/// </summary>
internal static class Checksum
{
    private const int Streams = 4;

    /// <summary>The checksum of some bytes.</summary>
    public static ulong Of(ReadOnlySpan<byte> bytes)
    {
        uint a = 0, b = 1, c = 2, d = 3;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        int i = 0;
        for (; i <= words.Length - Streams; i += Streams)
        {
            a = BitOperations.Crc32C(a, words[i]);
            b = BitOperations.Crc32C(b, words[i + 1]);
            c = BitOperations.Crc32C(c, words[i + 2]);
            d = BitOperations.Crc32C(d, words[i + 3]);
        }

        foreach (byte rest in bytes[(i * sizeof(ulong))..])
            a = BitOperations.Crc32C(a, rest);

        // One CRC over the four and the length, and another sum of them, so that 64 bits are used.
        Span<byte> state = stackalloc byte[(Streams * sizeof(uint)) + sizeof(int)];
        BinaryPrimitives.WriteUInt32LittleEndian(state, a);
        BinaryPrimitives.WriteUInt32LittleEndian(state[4..], b);
        BinaryPrimitives.WriteUInt32LittleEndian(state[8..], c);
        BinaryPrimitives.WriteUInt32LittleEndian(state[12..], d);
        BinaryPrimitives.WriteInt32LittleEndian(state[16..], bytes.Length);
        uint low = 0;
        foreach (byte value in state)
            low = BitOperations.Crc32C(low, value);
        return ((ulong)(a + (b * 0x9E3779B1) + BitOperations.RotateLeft(c, 11) + (d * 0x85EBCA77)) << 32) | low;
    }
}
