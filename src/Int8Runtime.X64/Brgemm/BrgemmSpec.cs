// What the code of a batch-reduce matrix kernel depends on: its cache key.
using System.Runtime.InteropServices;

namespace Int8Runtime.X64;

/// <summary>
/// A kernel that computes tiles of <see cref="Rows"/> × <see cref="Vectors"/> accumulators. Neither the number of tiles nor
/// the number of runs is part of it, so batch and spatial size do not lead to new kernels.
/// </summary>
internal sealed record BrgemmSpec
{
    /// <summary>Element types and the instruction that multiplies them.</summary>
    public required DotProductKind Product { get; init; }

    /// <summary>Rows of a tile (MR): output pixels of a convolution, rows of a matrix.</summary>
    public required int Rows { get; init; }

    /// <summary>Vectors of a tile's row (NR), each with one 32-bit lane for each column of the result.</summary>
    public required int Vectors { get; init; }

    /// <summary>
    /// Interleaved sums for each accumulator, see <see cref="BrgemmRegisters.ChainsOf"/>; 0 for as many as suit the size of the tile.
    /// </summary>
    public int Chains { get; init; }

    /// <summary>Lanes of the last vector that exist; 0 if all do. Only stores and operands of post-ops are masked.</summary>
    public int TailLanes { get; init; }

    /// <summary>Bytes from one row of the source to the next.</summary>
    public required int SourceStride { get; init; }

    /// <summary>Bytes from one row of the destination to the next.</summary>
    public required int DestinationStride { get; init; }

    /// <summary>Steps of a run; each step covers 4 bytes of a source row.</summary>
    public required int RunSteps { get; init; }

    /// <summary>Which taps of a run the rows of a line leave out because they lie outside of the source; null for none.</summary>
    public TapClip? Clip { get; init; }

    /// <summary>How the rows of the tile form lines; null where they are one line or a part of it.</summary>
    public TileLines? Lines { get; init; }

    /// <summary>What is asked for before it is needed.</summary>
    public BrgemmPrefetch Prefetch { get; init; }

    /// <summary>Bytes from one vector of packed weights to its right neighbour.</summary>
    public required int WeightsStride { get; init; }

    /// <summary>
    /// The format of integer weights that become f32 in registers; there are no runs then but its groups, one behind the other. Null for
    /// weights of the product's own type.
    /// </summary>
    public CompactFormat? Compact { get; init; }

    /// <summary>Where residuals of split weights lie; null if weights are not split.</summary>
    public BrgemmResiduals? Residuals { get; init; }

    /// <summary>Whether the accumulators start from the compensation instead of zero.</summary>
    public bool HasCompensation { get; init; }

    /// <summary>What happens to the accumulators.</summary>
    public required EpilogueSpec Epilogue { get; init; }
}

/// <summary>Where a run lies.</summary>
/// <param name="Source">Bytes from a row to the run.</param>
/// <param name="Weights">Bytes from the first step of a vector of packed weights to that of the run.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct BrgemmRun(long Source, long Weights)
{
    /// <summary>Bytes of an entry.</summary>
    public const int Bytes = 2 * sizeof(long);
}

/// <summary>Arguments of a call. The kernel reads it only.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BrgemmArguments
{
    /// <summary>First row of the first tile, to which the offsets of the runs are added.</summary>
    public byte* Source;

    /// <summary>First vector of packed weights.</summary>
    public byte* Weights;

    /// <summary>First element of the first tile's destination.</summary>
    public byte* Destination;

    /// <summary>Initial accumulators, one for each column.</summary>
    public int* Compensation;

    /// <summary>Residuals of the first vector of split weights.</summary>
    public byte* Residuals;

    /// <summary>The runs that are summed.</summary>
    public BrgemmRun* Runs;

    /// <summary>Number of runs, at least 1.</summary>
    public long RunCount;

    /// <summary>All runs that were packed, to which entries of <see cref="Residuals"/> refer.</summary>
    public BrgemmRun* PackedRuns;

    /// <summary>Number of tiles, at least 1.</summary>
    public long Tiles;

    /// <summary>Channel of the first column.</summary>
    public long Channel;

    /// <summary>What the epilogue reads.</summary>
    public EpilogueArguments* Epilogue;
}
