// What the code of a pooling kernel depends on, and what it reads at run time.
using System.Runtime.InteropServices;

namespace Int8Runtime.X64;

/// <summary>How a window is reduced, and in which lanes.</summary>
internal enum PoolingReduction
{
    /// <summary>Maximum of bytes in byte lanes, stored as it is.</summary>
    ByteMaximum,

    /// <summary>Maximum in 32-bit lanes.</summary>
    Maximum,

    /// <summary>Sum in 32-bit lanes, then a division.</summary>
    Average,
}

/// <summary>Everything that changes the code of a pooling kernel.</summary>
/// <param name="Reduction">How a window is reduced.</param>
/// <param name="Source">Element type of the source.</param>
/// <param name="WindowColumns">Columns of a whole window, for which the loop is unrolled; 0 to unroll nothing.</param>
/// <param name="Tap">Bytes from a tap to the next one of the row.</param>
/// <param name="DestinationPixel">Bytes from a destination pixel to the next one of the row.</param>
/// <param name="Channels">Channels of a block: a number of whole vectors, or any smaller number for the rest.</param>
/// <param name="AddsPadding">Whether padded elements add to a sum (a zero point).</param>
/// <param name="Dequantizes">Whether zero point and scale of the source are applied before the epilogue.</param>
/// <param name="Epilogue">What happens to the value; null for <see cref="PoolingReduction.ByteMaximum"/>.</param>
internal sealed record PoolingKernelSpec(
    PoolingReduction Reduction, DataType Source, int WindowColumns, int Tap, int DestinationPixel, int Channels,
    bool AddsPadding, bool Dequantizes, EpilogueSpec? Epilogue)
{
    /// <summary>Whether sums have more than 32 bits, as h·2¹⁶ + l.</summary>
    public bool IsWide => IsWideSum(Reduction, Source);

    /// <summary>Whether sums of elements of a type have more than 32 bits.</summary>
    public static bool IsWideSum(PoolingReduction reduction, DataType source) =>
        reduction == PoolingReduction.Average && source == DataType.Int32;
}

/// <summary>The part of a window that lies inside the source along a row, and what its sum is completed with.</summary>
/// <param name="Offset">Bytes from column 0 of the row to the first tap inside.</param>
/// <param name="Columns">Taps inside, in one row.</param>
/// <param name="Divisor">Number of elements that the sum is divided by.</param>
/// <param name="Addend">What the padded elements add to an integer sum; to the upper part h of a wide one.</param>
/// <param name="LowAddend">What they add to the lower part l of a wide sum.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct PoolingWindow(int Offset, int Columns, float Divisor, int Addend, int LowAddend);

/// <summary>Run-time arguments of a pooling kernel, which computes one row of the destination for some channel blocks.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PoolingKernelArguments
{
    /// <summary>Column 0 of row 0 of the image.</summary>
    public byte* Source;

    /// <summary>First pixel of the destination row.</summary>
    public byte* Destination;

    /// <summary>One window for each pixel.</summary>
    public PoolingWindow* Windows;

    /// <summary>Pixels to compute, at least 1.</summary>
    public long Columns;

    /// <summary>Source rows inside the windows; may be 0.</summary>
    public long Rows;

    /// <summary>Bytes from <see cref="Source"/> to each source row inside the windows.</summary>
    public long* RowOffsets;

    /// <summary>Channel blocks to compute, at least 1.</summary>
    public long Blocks;

    /// <summary>Zero point of the source.</summary>
    public float ZeroPoint;

    /// <summary>Scale of the source.</summary>
    public float Scale;

    /// <summary>First channel, for the operands of post-ops.</summary>
    public long Channel;

    /// <summary>What the epilogue reads.</summary>
    public EpilogueArguments* Epilogue;
}
