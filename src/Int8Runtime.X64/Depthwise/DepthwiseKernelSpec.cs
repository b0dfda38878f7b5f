// What the code of a depthwise kernel depends on, and what it reads at run time.
using System.Runtime.InteropServices;

namespace Int8Runtime.X64;

/// <summary>How the taps of a depthwise convolution are multiplied and summed.</summary>
internal enum TapProductKind
{
    /// <summary>Floats, in f32, by fused multiply-add.</summary>
    Fma,

    /// <summary>Four byte taps of a channel in each dword, by VPDPBUSD.</summary>
    ByteQuads,

    /// <summary>Two taps of a channel, widened to 16 bits, in each dword: VPMADDWD and an addition.</summary>
    WordPairs,
}

/// <summary>Everything that changes the code of a depthwise kernel.</summary>
/// <param name="Product">Kind of product.</param>
/// <param name="Source">Element type of the source.</param>
/// <param name="KernelHeight">Rows of the window.</param>
/// <param name="KernelWidth">Columns of the window.</param>
/// <param name="Stride">Step of the window along a row.</param>
/// <param name="Dilation">Distance of neighbouring columns of the window. That of rows is in the row pointers.</param>
/// <param name="SourcePixel">Bytes from a source pixel to the next one of the row.</param>
/// <param name="DestinationPixel">Bytes from a destination pixel to the next one of the row.</param>
/// <param name="Vectors">Accumulators of one output; those of a whole block.</param>
/// <param name="Channels">Channels of a block; fewer than a full block for the channel tail.</param>
/// <param name="AddsPadding">Whether padded columns hold something that must be multiplied (a source zero point).</param>
/// <param name="Epilogue">What happens to the sums.</param>
internal sealed record DepthwiseKernelSpec(
    TapProductKind Product, DataType Source, int KernelHeight, int KernelWidth, int Stride, int Dilation,
    int SourcePixel, int DestinationPixel, int Vectors, int Channels, bool AddsPadding, EpilogueSpec Epilogue);

/// <summary>Run-time arguments of a depthwise kernel, which computes one row of the destination for some channel blocks.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct DepthwiseKernelArguments
{
    /// <summary>A pointer for each row of the window to column 0 of a source row; the kernel changes the table.</summary>
    public byte** Rows;

    /// <summary>Packed weights of the first block, see <see cref="DepthwiseWeights"/>.</summary>
    public byte* Weights;

    /// <summary>First pixel of the destination row.</summary>
    public byte* Destination;

    /// <summary>Pixels to compute, at least 1.</summary>
    public long Columns;

    /// <summary>Bytes of a source row; a column whose offset is not below this is padding.</summary>
    public long RowBytes;

    /// <summary>Offset of the first window's first column in bytes; negative where it lies in the padding.</summary>
    public long FirstColumn;

    /// <summary>Channel blocks to compute, at least 1.</summary>
    public long Blocks;

    /// <summary>The padded element, as the product sees it, in all bytes or words.</summary>
    public uint Padding;

    /// <summary>First channel, for the scales and the operands of post-ops.</summary>
    public int Channel;

    /// <summary>What the epilogue reads.</summary>
    public EpilogueArguments* Epilogue;
}
