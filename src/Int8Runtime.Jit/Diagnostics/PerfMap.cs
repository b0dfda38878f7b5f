// INT8RT_JIT_PROFILE=1: tells Linux perf the names of kernels, through /tmp/perf-<pid>.map.
using System.Globalization;

namespace Int8Runtime.Jit;

/// <summary>Appends kernels to the map that perf reads: lines of start, size (both hexadecimal) and name.</summary>
internal static class PerfMap
{
    /// <summary>Name of the environment variable.</summary>
    public const string Variable = "INT8RT_JIT_PROFILE";

    private static readonly bool Enabled = OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable(Variable) == "1";
    private static readonly Lock Gate = new();

    /// <summary>The map of this process.</summary>
    public static string FilePath => string.Create(CultureInfo.InvariantCulture, $"/tmp/perf-{Environment.ProcessId}.map");

    /// <summary>Adds the kernel if the environment asks for it.</summary>
    public static void AddIfAsked(CompiledKernel kernel)
    {
        if (!Enabled)
            return;
        lock (Gate)
            File.AppendAllText(FilePath, LineOf(kernel));
    }

    /// <summary>The line for a kernel.</summary>
    public static unsafe string LineOf(CompiledKernel kernel) => string.Create(
        CultureInfo.InvariantCulture, $"{(nint)kernel.Entry:x} {kernel.Executed.CodeLength:x} int8rt::{kernel.Name}\n");
}
