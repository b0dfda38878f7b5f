// Memory between two inaccessible pages, so that a read or write one byte too far ends the process at once instead of
// passing unnoticed: [inaccessible page | slack and data | inaccessible page].
using System.Runtime.InteropServices;

namespace Int8Runtime.TestKit;

/// <summary>Which end of the data touches an inaccessible page.</summary>
public enum GuardPlacement
{
    /// <summary>The last byte lies directly before an inaccessible page: catches accesses behind the data.</summary>
    AtEnd,

    /// <summary>The first byte lies directly behind an inaccessible page: catches accesses before the data.</summary>
    AtStart,
}

/// <summary>
/// Native memory placed against an inaccessible page. With <see cref="GuardPlacement.AtStart"/> it is page-aligned; with
/// <see cref="GuardPlacement.AtEnd"/> it is aligned only as far as its size is (64 bytes if the size is a multiple of
/// 64). The slack at the other end holds a pattern that <see cref="ThrowIfSlackWritten"/> checks.
/// </summary>
public sealed unsafe partial class GuardedMemory : IDisposable
{
    private const byte SlackPattern = 0xA5;

    private readonly byte* _region;
    private readonly nuint _regionBytes;
    private readonly nuint _page;
    private bool _disposed;

    /// <summary>Allocates <paramref name="bytes"/> zero bytes.</summary>
    /// <exception cref="OutOfMemoryException">The system refused the memory or its protection.</exception>
    public GuardedMemory(long bytes, GuardPlacement placement)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        _page = (nuint)Environment.SystemPageSize;
        nuint accessible = Math.Max(((nuint)bytes + _page - 1) / _page, 1) * _page;
        _regionBytes = accessible + (2 * _page);
        _region = Reserve(_regionBytes);
        Protect(_region);
        Protect(_region + _page + accessible);
        Length = bytes;
        Placement = placement;
        Pointer = _region + _page + (placement == GuardPlacement.AtStart ? 0 : accessible - (nuint)bytes);
        Slack.Fill(SlackPattern);
    }

    /// <summary>Frees memory that was not disposed.</summary>
    ~GuardedMemory() => Free();

    /// <summary>The first byte.</summary>
    public byte* Pointer { get; }

    /// <summary>Number of bytes.</summary>
    public long Length { get; }

    /// <summary>Which end touches an inaccessible page.</summary>
    public GuardPlacement Placement { get; }

    /// <summary>All bytes.</summary>
    public Span<byte> Span => new(Pointer, checked((int)Length));

    private Span<byte> Slack => Placement == GuardPlacement.AtStart
        ? new Span<byte>(Pointer + Length, (int)(_region + _regionBytes - _page - (Pointer + Length)))
        : new Span<byte>(_region + _page, (int)(Pointer - (_region + _page)));

    /// <summary>A tensor in this memory; keep this object alive while it is used.</summary>
    /// <exception cref="ArgumentException">The memory has another size than the descriptor.</exception>
    public TensorMemory Wrap(MemoryDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        return descriptor.SizeInBytes <= Length
            ? new TensorMemory(descriptor, Pointer)
            : throw new ArgumentException($"{descriptor} needs {descriptor.SizeInBytes} bytes; the memory has {Length}.");
    }

    /// <summary>Fails if the bytes between the data and the page boundary at its unguarded end were written.</summary>
    /// <exception cref="InvalidOperationException">They were.</exception>
    public void ThrowIfSlackWritten()
    {
        int index = Slack.IndexOfAnyExcept(SlackPattern);
        if (index < 0)
            return;
        string place = Placement == GuardPlacement.AtStart ? $"{index} bytes behind" : $"{Slack.Length - index} bytes before";
        throw new InvalidOperationException($"Memory {place} the tensor was written.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_disposed || _region is null)
            return;
        _disposed = true;
        if (OperatingSystem.IsWindows())
            VirtualFree(_region, 0, 0x8000 /* MEM_RELEASE */);
        else
            munmap(_region, _regionBytes);
    }

    private static byte* Reserve(nuint bytes)
    {
        byte* region;
        if (OperatingSystem.IsWindows())
        {
            region = (byte*)VirtualAlloc(null, bytes, 0x3000 /* MEM_COMMIT | MEM_RESERVE */, 0x04 /* PAGE_READWRITE */);
        }
        else
        {
            int mapPrivateAnonymous = OperatingSystem.IsMacOS() ? 0x1002 : 0x22;
            region = (byte*)mmap(null, bytes, 3 /* PROT_READ | PROT_WRITE */, mapPrivateAnonymous, -1, 0);
            if ((nint)region == -1)
                region = null;
        }

        return region is not null ? region : throw new OutOfMemoryException($"{bytes} bytes could not be mapped.");
    }

    private void Protect(byte* page)
    {
        bool done = OperatingSystem.IsWindows()
            ? VirtualProtect(page, _page, 0x01 /* PAGE_NOACCESS */, out _) != 0
            : mprotect(page, _page, 0 /* PROT_NONE */) == 0;
        if (!done)
            throw new OutOfMemoryException("A page could not be made inaccessible.");
    }

    [LibraryImport("libc")]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc")]
    private static partial int mprotect(void* address, nuint length, int protection);

    [LibraryImport("libc")]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("kernel32")]
    private static partial void* VirtualAlloc(void* address, nuint size, uint type, uint protection);

    [LibraryImport("kernel32")]
    private static partial int VirtualProtect(void* address, nuint size, uint protection, out uint previous);

    [LibraryImport("kernel32")]
    private static partial int VirtualFree(void* address, nuint size, uint type);
}
