// A read-only file as memory, its pages read when they are first touched.
using System.Buffers;
using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Int8Runtime;

/// <summary>
/// Maps a whole file. The mapping lasts as long as this object, or a pin of its memory, is reachable, and shows the file that was
/// opened even when another one takes over its name.
/// </summary>
internal sealed unsafe class MappedFile : MemoryManager<byte>
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _data;
    private readonly int _length;

    /// <summary>Maps the file; the handle may be closed afterwards.</summary>
    /// <exception cref="IOException">The file is empty, larger than 2 GiB, or cannot be mapped.</exception>
    public MappedFile(SafeFileHandle file)
    {
        long length = RandomAccess.GetLength(file);
        if (length is < 1 or > int.MaxValue)
            throw new IOException($"A file of {length} bytes cannot be mapped.");
        _length = (int)length;
        _file = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        _view = _file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _data);
        _data += _view.PointerOffset;
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan() => new(_data, _length);

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length);
        return new MemoryHandle(_data + elementIndex, default, this);
    }

    /// <inheritdoc/>
    public override void Unpin()
    {
        // A pin only keeps this object reachable: mapped memory does not move.
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing)
            return; // the handles free themselves
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
