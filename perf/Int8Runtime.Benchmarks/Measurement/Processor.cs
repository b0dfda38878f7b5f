// Where a measurement runs: the machine's description, and pinning of a single thread.
using System.Runtime.InteropServices;

namespace Int8Runtime.Benchmarks;

/// <summary>The processor as a place to measure on.</summary>
internal static partial class Processor
{
    /// <summary>CPU, instruction sets and threads, as tables name them.</summary>
    public static string Describe(Engine engine) => FormattableString.Invariant(
        $"{CpuEngine.CpuName}, {IsaTiers.NameOf(engine.Isa)}, {engine.Threads} {(engine.Threads == 1 ? "thread" : "threads")}");

    /// <summary>Keeps the calling thread on its processor, so that it does not move between samples. Linux only.</summary>
    /// <returns>False where that is not possible.</returns>
    public static unsafe bool PinCurrentThread()
    {
        if (!OperatingSystem.IsLinux())
            return false;
        Span<ulong> mask = stackalloc ulong[16];
        mask.Clear();
        int processor = Thread.GetCurrentProcessorId() % (64 * mask.Length);
        mask[processor / 64] = 1UL << (processor % 64);
        fixed (ulong* pointer = mask)
            return SetAffinity(0, (nuint)(mask.Length * sizeof(ulong)), pointer) == 0;
    }

    /// <summary>Sets a variable of the C environment, which native libraries read when they are loaded.</summary>
    public static void SetNativeVariable(string name, string value)
    {
        if (!OperatingSystem.IsWindows())
            _ = SetEnvironment(name, value, 1);
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static unsafe partial int SetAffinity(int thread, nuint bytes, ulong* mask);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
