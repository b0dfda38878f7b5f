// Constants of a kernel, placed behind its code and addressed relative to the instruction pointer.
// Vectors are aligned to their size; equal contents are stored once.
using System.Runtime.InteropServices;

namespace Int8Runtime.Jit;

/// <summary>A constant in the pool of one kernel.</summary>
internal sealed class PoolConstant
{
    internal PoolConstant(byte[] content, int splatElement)
        => (Content, SplatElement) = (content, splatElement);

    /// <summary>The bytes. For a splat, one element.</summary>
    public byte[] Content { get; }

    /// <summary>
    /// Bytes of the element that fills a whole vector, 0 if this is no splat. The assembler stores a splat as one
    /// element where the instruction can broadcast it, else as a full vector.
    /// </summary>
    public int SplatElement { get; }
}

/// <summary>Collects the constants of a kernel.</summary>
internal sealed class ConstantPool
{
    /// <summary>Alignment of the pool.</summary>
    public const int Alignment = 64;

    private readonly Dictionary<string, int> _offsets = [];
    private readonly List<(byte[] Content, int Offset)> _entries = [];

    /// <summary>Bytes in use.</summary>
    public int Length { get; private set; }

    /// <summary>Places <paramref name="content"/>, aligned to its size rounded up to a power of two, at most 64.</summary>
    /// <returns>Offset from the start of the pool.</returns>
    public int Place(ReadOnlySpan<byte> content)
    {
        string key = Convert.ToHexString(content);
        if (_offsets.TryGetValue(key, out int offset))
            return offset;
        int alignment = Math.Min(Alignment, (int)uint.Max(1, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)content.Length)));
        offset = (Length + alignment - 1) / alignment * alignment;
        Length = offset + content.Length;
        _offsets.Add(key, offset);
        _entries.Add((content.ToArray(), offset));
        return offset;
    }

    /// <summary>Writes all constants to the start of <paramref name="destination"/>.</summary>
    public void CopyTo(Span<byte> destination)
    {
        foreach ((byte[] content, int offset) in _entries)
            content.CopyTo(destination[offset..]);
    }

    /// <summary>A constant of arbitrary elements, for instance the lanes of a permutation.</summary>
    public static PoolConstant Table<T>(ReadOnlySpan<T> elements)
        where T : unmanaged
        => new(MemoryMarshal.AsBytes(elements).ToArray(), 0);

    /// <summary>A constant that repeats <paramref name="element"/> in all lanes.</summary>
    public static PoolConstant Splat<T>(T element)
        where T : unmanaged
    {
        byte[] content = MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in element)).ToArray();
        return new(content, content.Length);
    }
}
