// How integer weights of a floating-point product lie in packed memory: a byte each, or two of 4 bits in a byte.
namespace Int8Runtime.X64;

/// <summary>
/// A vector of columns, group after group along K, so that it is read from start to end:
/// <code>[lane] f32 scales, if there are any; [lane] zero points, if there are any; [row][lane] weights</code>
/// Two rows of 4-bit weights share a row of bytes, the first one in the low bits; each group begins with a byte of its own.
/// </summary>
internal sealed record CompactFormat
{
    // Vectors whose distance is a multiple of this fall into one set of the first-level cache.
    private const int SetBytes = 1024, Line = 64;

    /// <summary>u8, s8, u4 or s4.</summary>
    public required DataType Type { get; init; }

    /// <summary>Columns of a vector.</summary>
    public required int Lanes { get; init; }

    /// <summary>Rows of weights (K).</summary>
    public required int Rows { get; init; }

    /// <summary>Rows that share scales and zero points; the last group may have fewer.</summary>
    public required int GroupRows { get; init; }

    /// <summary>Whether groups have scales.</summary>
    public required bool HasScales { get; init; }

    /// <summary>Type of the zero points of groups: s8, u8 or f32; undefined for none.</summary>
    public required DataType ZeroType { get; init; }

    /// <summary>Whether weights have a sign.</summary>
    public bool IsSigned => Type is DataType.Int8 or DataType.Int4;

    /// <summary>Bits of a weight.</summary>
    public int Bits => Type.IsInt4() ? 4 : 8;

    /// <summary>Whether groups have zero points.</summary>
    public bool HasZeros => ZeroType != DataType.Undefined;

    /// <summary>Rows of weights in a row of bytes.</summary>
    public int RowsTogether => Type.IsInt4() ? 2 : 1;

    /// <summary>Groups of a vector.</summary>
    public int Groups => (Rows + GroupRows - 1) / GroupRows;

    /// <summary>Place of a group's zero points.</summary>
    public int ZerosOffset => HasScales ? Lanes * sizeof(float) : 0;

    /// <summary>Place of a group's weights.</summary>
    public int WeightsOffset => ZerosOffset + (HasZeros ? Lanes * ZeroType.SizeInBytes() : 0);

    /// <summary>Bytes from a vector to the next: not a multiple of 1024, so that vectors that are read together keep out of each other's way.</summary>
    public long VectorStride
    {
        get
        {
            long bytes = (Rows / GroupRows * (WeightsOffset + (long)BytesOf(GroupRows)))
                + (Rows % GroupRows == 0 ? 0 : WeightsOffset + BytesOf(Rows % GroupRows));
            return bytes % SetBytes == 0 ? bytes + Line : bytes;
        }
    }

    /// <summary>Bytes of rows that follow each other in a group, the first one at an even place.</summary>
    public int BytesOf(int rows) => (rows + RowsTogether - 1) / RowsTogether * Lanes;

    /// <summary>For names of kernels.</summary>
    public override string ToString() =>
        $"{Type.ToShortName()}k{Rows}g{GroupRows}{(HasScales ? "s" : "")}{(HasZeros ? "z" + ZeroType.ToShortName() : "")}";
}
