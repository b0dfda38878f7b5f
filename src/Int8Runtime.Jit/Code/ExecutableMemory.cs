// Pages that hold machine code. Write xor execute: a mapping is filled while writable, then turned executable and
// never written again. Each mapping holds one kernel, so no page that runs is ever reopened for writing.
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Int8Runtime.Jit;

/// <summary>The system refused memory for generated code.</summary>
internal sealed class ExecutableMemoryException(string message) : Exception(message);

/// <summary>A mapping that holds finished machine code; freed when disposed or finalized.</summary>
internal sealed unsafe partial class ExecutableMemory : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly nuint _length;

    private ExecutableMemory(void* address, nuint length)
        : base(ownsHandle: true)
    {
        SetHandle((nint)address);
        _length = length;
    }

    /// <summary>Start of the code, aligned to a page.</summary>
    public nint Address => handle;

    /// <summary>Bytes of the mapping, a multiple of the page size.</summary>
    public long Length => (long)_length;

    /// <summary>Copies <paramref name="code"/> to fresh pages and makes them executable and read-only.</summary>
    /// <exception cref="ExecutableMemoryException">The system denies executable memory.</exception>
    public static ExecutableMemory Create(ReadOnlySpan<byte> code)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        nuint length = ((nuint)code.Length + page - 1) / page * page;
        void* address = Map(length);
        var memory = new ExecutableMemory(address, length);
        var pages = new Span<byte>(address, checked((int)length));
        code.CopyTo(pages);
        const byte Int3 = 0xCC;
        pages[code.Length..].Fill(Int3);
        try
        {
            Protect(address, length);
        }
        catch
        {
            memory.Dispose();
            throw;
        }
        return memory;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => OperatingSystem.IsWindows()
        ? Windows.VirtualFree((void*)handle, 0, Windows.Release)
        : Unix.Unmap((void*)handle, _length) == 0;

    private static void* Map(nuint length)
    {
        if (OperatingSystem.IsWindows())
        {
            void* address = Windows.VirtualAlloc(null, length, Windows.CommitAndReserve, Windows.ReadWrite);
            return address != null ? address : throw Denied("VirtualAlloc");
        }
        int flags = OperatingSystem.IsMacOS() ? Unix.PrivateAnonymousMacOS : Unix.PrivateAnonymousLinux;
        void* mapped = Unix.Map(null, length, Unix.ReadWrite, flags, -1, 0);
        return mapped != (void*)-1 ? mapped : throw Denied("mmap");
    }

    private static void Protect(void* address, nuint length)
    {
        if (OperatingSystem.IsWindows())
        {
            if (!Windows.VirtualProtect(address, length, Windows.ExecuteRead, out _)
                || !Windows.FlushInstructionCache(Windows.CurrentProcess, address, length))
                throw Denied("VirtualProtect");
        }
        else if (Unix.Protect(address, length, Unix.ReadExecute) != 0)
        {
            throw Denied("mprotect");
        }
    }

    private static ExecutableMemoryException Denied(string call) => new(
        $"The system denies executable memory: {call} failed, {Marshal.GetLastPInvokeErrorMessage()} " +
        $"(error {Marshal.GetLastPInvokeError()}). Generated kernels are unavailable under such a policy.");

    private static partial class Unix
    {
        public const int ReadWrite = 3;
        public const int ReadExecute = 5;
        public const int PrivateAnonymousLinux = 0x22;
        public const int PrivateAnonymousMacOS = 0x1002;

        [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static partial void* Map(void* hint, nuint length, int protection, int flags, int file, nint offset);

        [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static partial int Protect(void* address, nuint length, int protection);

        [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static partial int Unmap(void* address, nuint length);
    }

    private static partial class Windows
    {
        public const uint CommitAndReserve = 0x3000;
        public const uint Release = 0x8000;
        public const uint ReadWrite = 0x04;
        public const uint ExecuteRead = 0x20;
        public const nint CurrentProcess = -1;

        [LibraryImport("kernel32", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        public static partial void* VirtualAlloc(void* hint, nuint length, uint kind, uint protection);

        [LibraryImport("kernel32", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        [return: MarshalAs(UnmanagedType.Bool)]
        public static partial bool VirtualProtect(void* address, nuint length, uint protection, out uint previous);

        [LibraryImport("kernel32", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        [return: MarshalAs(UnmanagedType.Bool)]
        public static partial bool VirtualFree(void* address, nuint length, uint kind);

        [LibraryImport("kernel32", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        [return: MarshalAs(UnmanagedType.Bool)]
        public static partial bool FlushInstructionCache(nint process, void* address, nuint length);
    }
}
