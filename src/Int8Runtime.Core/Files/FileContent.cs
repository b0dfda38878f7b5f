// The bytes of a whole file: mapped where it is large, else read.
using Microsoft.Win32.SafeHandles;

namespace Int8Runtime;

/// <summary>Gives the content of files without copying those of some size.</summary>
internal static class FileContent
{
    // Below this, reading costs no more than mapping and touching the pages.
    private const long SmallestMapping = 1L << 20;

    /// <summary>The content of a file.</summary>
    /// <remarks>
    /// What is mapped stays valid when another file takes over the name, or the name is deleted, but not when the file itself is
    /// cut off or written to. On Windows files are always read: there, a mapping would keep others from replacing the file.
    /// </remarks>
    /// <exception cref="IOException">The file cannot be read, changes while it is read, or is larger than 2 GiB.</exception>
    public static ReadOnlyMemory<byte> Of(string path)
    {
        using SafeFileHandle file = Readable.Read(path, p => File.OpenHandle(p, options: FileOptions.SequentialScan));
        long length = RandomAccess.GetLength(file);
        if (length > Array.MaxLength)
            throw new IOException(
                $"'{path}' has {length} bytes; files above {Array.MaxLength} bytes cannot be read. Keep large tensors in external files.");
        if (length >= SmallestMapping && !OperatingSystem.IsWindows())
            return new MappedFile(file).Memory;
        byte[] bytes = GC.AllocateUninitializedArray<byte>((int)length);
        for (int done = 0; done < bytes.Length;)
        {
            int read = RandomAccess.Read(file, bytes.AsSpan(done), done);
            done += read > 0 ? read : throw new IOException($"'{path}' became shorter while it was read.");
        }

        return bytes;
    }
}
