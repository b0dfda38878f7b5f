// The machine code and packed weights of one plan, as a file.
//
//   header   magic, format, key, length of the file, length of the index, start of the weights, checksum of the index
//   index    the kernels (name, instruction sets, length of the code, bytes), then the constants (layout, place, length, checksum)
//   weights  from a multiple of the page size; each constant at a multiple of 64
//
// All numbers are little-endian. Code is copied out of the file into fresh pages, never mapped executable; weights are mapped.
using System.Buffers.Binary;
using System.Text;
using Int8Runtime.Graph.Planning;
using Int8Runtime.Jit;
using Microsoft.Win32.SafeHandles;

namespace Int8Runtime.Caching;

/// <summary>A file of the cache cannot be used; the message says why.</summary>
internal sealed class CacheFileException(string message) : Exception(message);

/// <summary>A plan's kernels by name and its constants by position.</summary>
internal sealed class CachedPlan
{
    private const ulong Magic = 0x4548_4341_4338_4949; // "II8CACHE"
    private const int Format = 1;
    private const int KeyBytes = 32;
    private const int HeaderBytes = 128;
    private const int Alignment = 64;
    private const int Page = 4096;

    private readonly ReadOnlyMemory<byte> _weights;
    private readonly (string Layout, int Start, int Length)[] _constants;

    private CachedPlan(KeyValuePair<string, KernelImage>[] kernels, (string, int, int)[] constants, ReadOnlyMemory<byte> weights) =>
        (Kernels, _constants, _weights) = (kernels, constants, weights);

    /// <summary>The kernels.</summary>
    public IReadOnlyList<KeyValuePair<string, KernelImage>> Kernels { get; }

    /// <summary>Number of constants.</summary>
    public int ConstantCount => _constants.Length;

    /// <summary>Reads and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="key">The key that it must have.</param>
    /// <exception cref="CacheFileException">It is damaged, of another key or format, or others may write it.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static CachedPlan Read(string path, ReadOnlySpan<byte> key)
    {
        using SafeFileHandle file = File.OpenHandle(path, share: FileShare.Read | FileShare.Delete);
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
            throw new CacheFileException("others may write it");
        if (RandomAccess.GetLength(file) < HeaderBytes)
            throw new CacheFileException("it is cut off");
        ReadOnlyMemory<byte> content = new MappedFile(file).Memory;
        ReadOnlySpan<byte> header = content.Span[..HeaderBytes];
        if (BinaryPrimitives.ReadUInt64LittleEndian(header) != Magic || BinaryPrimitives.ReadInt32LittleEndian(header[8..]) != Format)
            throw new CacheFileException("it has another format");
        if (!header.Slice(16, KeyBytes).SequenceEqual(key))
            throw new CacheFileException("it has another key");
        int length = BinaryPrimitives.ReadInt32LittleEndian(header[48..]);
        int index = BinaryPrimitives.ReadInt32LittleEndian(header[52..]), weights = BinaryPrimitives.ReadInt32LittleEndian(header[56..]);
        if (length != content.Length || index < 0 || weights < HeaderBytes || weights > length || index > weights - HeaderBytes)
            throw new CacheFileException("its length is wrong");

        // Code is taken from this copy, which nobody can change after the check.
        byte[] copy = content.Slice(HeaderBytes, index).ToArray();
        if (Checksum.Of(copy) != BinaryPrimitives.ReadUInt64LittleEndian(header[64..]))
            throw new CacheFileException("its checksum is wrong");
        try
        {
            return Parse(copy, content[weights..]);
        }
        catch (Exception exception) when (
            exception is EndOfStreamException or FormatException or DecoderFallbackException or OverflowException)
        {
            throw new CacheFileException($"its index is damaged ({exception.Message})");
        }
    }

    /// <summary>Writes a file.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="key">Its key.</param>
    /// <param name="kernels">The kernels.</param>
    /// <param name="constants">The constants.</param>
    public static void Write(
        Stream stream, ReadOnlySpan<byte> key, IEnumerable<KeyValuePair<string, KernelImage>> kernels,
        IReadOnlyList<StoredTensor> constants)
    {
        byte[] index = Index(kernels, constants, out int weightsBytes);
        int start = RoundUp(HeaderBytes + index.Length, Page);
        Span<byte> header = stackalloc byte[HeaderBytes];
        header.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(header, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], Format);
        key.CopyTo(header.Slice(16, KeyBytes));
        BinaryPrimitives.WriteInt32LittleEndian(header[48..], checked(start + weightsBytes));
        BinaryPrimitives.WriteInt32LittleEndian(header[52..], index.Length);
        BinaryPrimitives.WriteInt32LittleEndian(header[56..], start);
        BinaryPrimitives.WriteUInt64LittleEndian(header[64..], Checksum.Of(index));
        stream.Write(header);
        stream.Write(index);
        stream.Write(new byte[start - HeaderBytes - index.Length]);
        Span<byte> gap = stackalloc byte[Alignment];
        gap.Clear();
        foreach (StoredTensor constant in constants)
        {
            ReadOnlySpan<byte> bytes = Bytes(constant);
            stream.Write(bytes);
            stream.Write(gap[..(RoundUp(bytes.Length, Alignment) - bytes.Length)]);
        }
    }

    /// <summary>Whether the constants of a file of this size can be addressed.</summary>
    public static bool Fits(IEnumerable<StoredTensor> constants) =>
        constants.Sum(c => c.Descriptor.SizeInBytes + Alignment) < int.MaxValue - (64L << 20);

    /// <summary>Hands the constants to a plan, where they have the layouts that it asks for.</summary>
    /// <returns>Whether all fitted; if not, none was handed over.</returns>
    public bool TryProvide(IReadOnlyList<StoredTensor> constants)
    {
        if (constants.Count != _constants.Length)
            return false;
        for (int i = 0; i < constants.Count; i++)
        {
            if (_constants[i].Layout != constants[i].Descriptor.ToString() || _constants[i].Length != SizeOf(constants[i]))
                return false;
        }

        for (int i = 0; i < constants.Count; i++)
            constants[i].Adopt(_weights.Slice(_constants[i].Start, _constants[i].Length));
        return true;
    }

    private static CachedPlan Parse(byte[] index, ReadOnlyMemory<byte> weights)
    {
        using var reader = new BinaryReader(new MemoryStream(index), new UTF8Encoding(false, throwOnInvalidBytes: true));
        var kernels = new KeyValuePair<string, KernelImage>[Count(reader)];
        for (int i = 0; i < kernels.Length; i++)
        {
            string key = reader.ReadString(), name = reader.ReadString();
            var isa = (Isa)reader.ReadInt64();
            int code = reader.ReadInt32(), bytes = Count(reader);
            byte[] image = reader.ReadBytes(bytes);
            if (image.Length != bytes || code <= 0 || code > bytes)
                throw new FormatException("a kernel is cut off");
            kernels[i] = KeyValuePair.Create(key, new KernelImage(name, isa, image, code));
        }

        var constants = new (string, int, int)[Count(reader)];
        var checksums = new ulong[constants.Length];
        for (int i = 0; i < constants.Length; i++)
        {
            string layout = reader.ReadString();
            int start = reader.ReadInt32(), length = reader.ReadInt32();
            if (start < 0 || length < 0 || start % Alignment != 0 || start > weights.Length - length)
                throw new FormatException("a constant lies outside");
            constants[i] = (layout, start, length);
            checksums[i] = reader.ReadUInt64();
        }

        ParallelLoopResult sound = System.Threading.Tasks.Parallel.For(0, constants.Length, (i, loop) =>
        {
            if (Checksum.Of(weights.Span.Slice(constants[i].Item2, constants[i].Item3)) != checksums[i])
                loop.Stop();
        });
        if (!sound.IsCompleted)
            throw new CacheFileException("its checksum is wrong");
        return new CachedPlan(kernels, constants, weights);
    }

    private static int Count(BinaryReader reader)
    {
        int count = reader.ReadInt32();
        return count >= 0 && count <= reader.BaseStream.Length ? count : throw new FormatException("a number is out of range");
    }

    private static byte[] Index(IEnumerable<KeyValuePair<string, KernelImage>> kernels, IReadOnlyList<StoredTensor> constants,
        out int weightsBytes)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        KeyValuePair<string, KernelImage>[] list = [.. kernels];
        writer.Write(list.Length);
        foreach ((string key, KernelImage image) in list)
        {
            writer.Write(key);
            writer.Write(image.Name);
            writer.Write((long)image.Isa);
            writer.Write(image.CodeLength);
            writer.Write(image.Bytes.Length);
            writer.Write(image.Bytes);
        }

        writer.Write(constants.Count);
        int place = 0;
        foreach (StoredTensor constant in constants)
        {
            int length = checked((int)SizeOf(constant));
            writer.Write(constant.Descriptor.ToString());
            writer.Write(place);
            writer.Write(length);
            writer.Write(Checksum.Of(Bytes(constant)));
            place = checked(place + RoundUp(length, Alignment));
        }

        weightsBytes = place;
        writer.Flush();
        return stream.ToArray();
    }

    // Memory is never empty, see TensorMemory.
    private static long SizeOf(StoredTensor constant) => Math.Max(constant.Descriptor.SizeInBytes, 1);

    private static ReadOnlySpan<byte> Bytes(StoredTensor constant) => constant.Memory.Bytes(checked((int)SizeOf(constant)));

    private static int RoundUp(int value, int multiple) => checked(value + multiple - 1) / multiple * multiple;
}
