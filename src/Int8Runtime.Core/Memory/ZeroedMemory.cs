// Native memory for tensors: zero-filled, aligned, in huge pages where it is large.
using System.Runtime.InteropServices;

namespace Int8Runtime;

/// <summary>
/// Allocates zero-filled memory aligned to 64 bytes. Large blocks on Linux are mapped with the advice to use huge pages:
/// the first touch of hundreds of megabytes of weights costs far fewer page faults, and kernels miss the TLB less often.
/// </summary>
internal static unsafe partial class ZeroedMemory
{
    // Several huge pages of 2 MiB must fit, or the advice is of no use.
    private const long SmallestMapping = 8L << 20;

    /// <summary>Allocates at least <paramref name="bytes"/> bytes.</summary>
    /// <exception cref="OutOfMemoryException">The system has no such memory.</exception>
    public static byte* Allocate(long bytes)
    {
        if (IsMapped(bytes))
        {
            void* mapping = Map(null, (nuint)RoundUp(bytes), protection: 1 | 2, flags: 0x2 | 0x20, file: -1, offset: 0);
            if (mapping == (void*)-1)
                throw new OutOfMemoryException($"The system refuses {bytes} bytes of memory.");
            Advise(mapping, (nuint)RoundUp(bytes), advice: 14);
            return (byte*)mapping;
        }

        nuint size = (nuint)((bytes + 63) & ~63L);
        var memory = (byte*)NativeMemory.AlignedAlloc(size, 64);
        NativeMemory.Clear(memory, size);
        return memory;
    }

    /// <summary>Frees what <see cref="Allocate"/> returned for the same number of bytes.</summary>
    public static void Free(byte* memory, long bytes)
    {
        if (memory is null)
            return;
        if (IsMapped(bytes))
            Unmap(memory, (nuint)RoundUp(bytes));
        else
            NativeMemory.AlignedFree(memory);
    }

    private static bool IsMapped(long bytes) => bytes >= SmallestMapping && OperatingSystem.IsLinux();

    private static long RoundUp(long bytes) => (bytes + 4095) & ~4095L;

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
