// When a memory-bound loop is worth sharing.
namespace Int8Runtime.X64;

internal static class WorkSharing
{
    // Below this a second thread costs more than it brings.
    private const long BytesPerThread = 64 << 10;

    /// <summary>Threads for work on <paramref name="bytes"/> bytes.</summary>
    public static int Threads(long bytes, int available) => (int)Math.Clamp(bytes / BytesPerThread, 1, available);
}
