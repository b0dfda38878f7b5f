// How the scratch memory of a plan is divided.
namespace Int8Runtime.X64;

/// <summary>Parts of scratch memory begin at cache lines, so that threads do not share lines and vectors do not cross them.</summary>
internal static class ScratchLayout
{
    /// <summary>Alignment of a part in bytes, which is that of the whole.</summary>
    public const int Alignment = ExecutionStream.ScratchAlignment;

    /// <summary>Bytes from the start of a part of <paramref name="bytes"/> to that of the next.</summary>
    public static long RoundUp(long bytes) => (bytes + Alignment - 1) & -Alignment;
}
