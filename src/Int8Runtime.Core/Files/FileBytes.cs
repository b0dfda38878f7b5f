// A whole file in native memory.
namespace Int8Runtime;

/// <summary>
/// Reads a file into memory outside the garbage-collected heap, in huge pages where it is large: model files of hundreds of
/// megabytes load faster, and their memory is given back at once.
/// </summary>
internal sealed unsafe class FileBytes : IDisposable
{
    private readonly long _capacity;
    private byte* _data;

    /// <summary>Reads the file.</summary>
    /// <exception cref="IOException">The file cannot be read, changes while it is read, or is larger than 2 GiB.</exception>
    public FileBytes(string path)
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle file =
            Readable.Read(path, p => File.OpenHandle(p, options: FileOptions.SequentialScan));
        long length = RandomAccess.GetLength(file);
        if (length > int.MaxValue)
            throw new IOException(
                $"'{path}' has {length} bytes; files above {int.MaxValue} bytes cannot be read. Keep large tensors in "
                + "external files.");
        _capacity = Math.Max(length, 1);
        _data = ZeroedMemory.Allocate(_capacity);
        Length = (int)length;
        try
        {
            for (int done = 0; done < Length;)
            {
                int read = RandomAccess.Read(file, new Span<byte>(_data + done, Length - done), done);
                done += read > 0 ? read : throw new IOException($"'{path}' became shorter while it was read.");
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Frees memory that was not disposed.</summary>
    ~FileBytes() => ZeroedMemory.Free(_data, _capacity);

    /// <summary>Number of bytes.</summary>
    public int Length { get; }

    /// <summary>The content; valid until the object is disposed.</summary>
    public ReadOnlySpan<byte> Span => new(_data, Length);

    /// <inheritdoc/>
    public void Dispose()
    {
        ZeroedMemory.Free(_data, _capacity);
        _data = null;
        GC.SuppressFinalize(this);
    }
}
