// What the code of a resampling kernel depends on, and what it reads at run time.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Int8Runtime.X64;

/// <summary>Everything that changes the code of a resampling kernel.</summary>
/// <param name="Source">Element type of the source.</param>
/// <param name="SourceRows">Source rows that a pixel is a sum over: 1, 2 or 4; 0 where bytes are copied from one pixel.</param>
/// <param name="Interpolates">Whether pixels are weighted sums; otherwise they are those of one source row.</param>
/// <param name="DestinationPixel">Bytes from a destination pixel to the next one of the row.</param>
/// <param name="Lanes">
/// Elements of a block (bytes where they are copied): a number of whole vectors, or any smaller number for the rest.
/// </param>
/// <param name="Dequantizes">Whether zero point and scale of the source are applied before the epilogue.</param>
/// <param name="Epilogue">What happens to the value; null where bytes are copied.</param>
internal sealed record ResamplingKernelSpec(
    DataType Source, int SourceRows, bool Interpolates, int DestinationPixel, int Lanes, bool Dequantizes, EpilogueSpec? Epilogue)
{
    /// <summary>Whether bytes are copied.</summary>
    public bool Copies => Epilogue is null;
}

/// <summary>The two pixels of a source row that a destination pixel is computed from.</summary>
/// <param name="First">Bytes from column 0 to the lower pixel.</param>
/// <param name="Second">Bytes from column 0 to the upper pixel.</param>
/// <param name="FirstWeight">Weight of the lower pixel.</param>
/// <param name="SecondWeight">Weight of the upper pixel.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct ResamplingColumn(int First, int Second, float FirstWeight, float SecondWeight);

/// <summary>Run-time arguments of a resampling kernel, which computes one row of the destination for some channel blocks.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ResamplingKernelArguments
{
    /// <summary>Source rows of one destination row at most: two for each dimension but the last.</summary>
    public const int MostRows = 4;

    /// <summary>First pixel of the destination row.</summary>
    public byte* Destination;

    /// <summary>One entry for each pixel.</summary>
    public ResamplingColumn* Table;

    /// <summary>Pixels to compute, at least 1.</summary>
    public long Columns;

    /// <summary>Channel blocks to compute, at least 1.</summary>
    public long Blocks;

    /// <summary>First channel, for the operands of post-ops.</summary>
    public long Channel;

    /// <summary>What the epilogue reads.</summary>
    public EpilogueArguments* Epilogue;

    /// <summary>Zero point of the source.</summary>
    public float ZeroPoint;

    /// <summary>Scale of the source.</summary>
    public float Scale;

    /// <summary>Column 0 of each source row.</summary>
    public RowAddresses Rows;

    /// <summary>Weight of each source row.</summary>
    public RowWeights Weights;

    /// <summary>Addresses of source rows.</summary>
    [InlineArray(MostRows)]
    public struct RowAddresses
    {
        private nint _first;
    }

    /// <summary>Weights of source rows.</summary>
    [InlineArray(MostRows)]
    public struct RowWeights
    {
        private float _first;
    }
}
