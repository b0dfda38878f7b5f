// Packed weights: for each matrix (group of a convolution, batch index of a product) and each vector of columns
//   [run][step][lane][interleave]      zeros where K or the columns end early
// behind all matrices, if the source is shifted or has a zero point, the compensation: s32 [matrix][lane of all vectors],
// and behind that, where sums of products would saturate in 16 bits, the residuals of each vector (see SaturationSplit).
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Everything that the bytes of packed weights depend on, besides the weights. Tile sizes do not, so plans for other shapes share
/// them.
/// </summary>
internal sealed record BrgemmWeightsSpec
{
    /// <summary>The product that reads them.</summary>
    public required DotProductKind Product { get; init; }

    /// <summary>32-bit lanes of a vector.</summary>
    public required int Lanes { get; init; }

    /// <summary>Number of independent matrices.</summary>
    public required int Matrices { get; init; }

    /// <summary>Columns of each matrix.</summary>
    public required int Columns { get; init; }

    /// <summary>Pieces of K that start at a step of their own.</summary>
    public required int Runs { get; init; }

    /// <summary>Elements of a run.</summary>
    public required int RunElements { get; init; }

    /// <summary>Dimensions of the weights tensor over which K runs, the outermost first.</summary>
    public required Shape SumDimensions { get; init; }

    /// <summary>Dimension of the weights tensor that counts columns (and, where there are no batch dimensions, matrices).</summary>
    public required int ColumnDimension { get; init; }

    /// <summary>Number of leading dimensions of the weights tensor that count matrices.</summary>
    public int BatchRank { get; init; }

    /// <summary>Type of the weights as given.</summary>
    public required DataType Type { get; init; }

    /// <summary>What the sum of a column's weights is multiplied by to give its compensation; 0 for no compensation.</summary>
    public int CompensationFactor { get; init; }

    /// <summary>Zero point that is subtracted from the weights (s16 and f32 products only).</summary>
    public ZeroPoint? ZeroPoint { get; init; }

    /// <summary>Whether weights are split so that no sum of products leaves 16 bits; see <see cref="SaturationSplit"/>.</summary>
    public bool IsSplit { get; init; }

    /// <summary>How the weights are split, for reports; empty if they are not.</summary>
    public string SplitDetails => !IsSplit ? "" : $", {(Product.StepsOfSum() == 2 ? "quads" : "pairs")} split against saturation";

    /// <summary>Scales of groups along K, by which integer weights of an f32 product are multiplied; null for none.</summary>
    public QuantizationScale? GroupScale { get; init; }

    /// <summary>Steps of a run.</summary>
    public int RunSteps => (int)(((long)RunElements + Product.Interleave() - 1) / Product.Interleave());

    /// <summary>Vectors of a matrix's row.</summary>
    public int Vectors => (Columns + Lanes - 1) / Lanes;

    /// <summary>
    /// Bytes from a vector of columns to the next. Not a multiple of 1024, so that the vectors that a tile reads together do
    /// not all fall into one set of the first-level cache.
    /// </summary>
    public int VectorStride
    {
        get
        {
            int bytes = checked(Runs * RunSteps * Lanes * 4);
            return bytes % 1024 == 0 && Vectors > 1 ? bytes + 64 : bytes;
        }
    }

    /// <summary>Bytes of a matrix.</summary>
    public long MatrixBytes => (long)Vectors * VectorStride;

    /// <summary>Entries of a matrix's compensation.</summary>
    public int CompensationStride => Vectors * Lanes;

    /// <summary>Place of the compensation.</summary>
    public long CompensationOffset => Matrices * MatrixBytes;

    /// <summary>Place of the residuals.</summary>
    public long ResidualOffset => CompensationOffset + (CompensationFactor != 0 ? (long)Matrices * CompensationStride * sizeof(int) : 0);

    /// <summary>Where the parts of a vector's residuals lie; null if weights are not split.</summary>
    public BrgemmResiduals? Residuals =>
        IsSplit ? BrgemmResiduals.For(Runs * SaturationSplit.MostEntries(RunSteps, Product.StepsOfSum()), Lanes) : null;

    /// <summary>Why 32 bits do not count the bytes of a vector of columns, or the vectors; null if they do.</summary>
    public string? Excess
    {
        get
        {
            if ((long)Matrices * Vectors > int.MaxValue)
                return $"{Matrices} matrices of {Columns} columns have too many vectors";
            long steps = (long)Runs * RunSteps;
            long residuals = IsSplit ? Runs * (long)SaturationSplit.MostEntries(RunSteps, Product.StepsOfSum()) : 0;
            return Math.Max(steps * Lanes * 4, BrgemmResiduals.BytesOf(residuals, Lanes)) <= int.MaxValue - 64
                ? null
                : $"a vector of columns of {(long)Runs * RunElements} products does not fit 2 GiB";
        }
    }

    /// <summary>Distance of a column's zero point from its neighbour's: 0 for a single one.</summary>
    public int ZeroPointStride => ZeroPoint is { Granularity: QuantizationGranularity.PerTensor } ? 0 : 1;

    /// <summary>Scales of a row of a matrix from a column on; empty without groups.</summary>
    public ReadOnlySpan<float> ScalesFrom(int matrix, int row, int column) =>
        GroupScale is null ? [] : GroupScale.From(PlaceOf(matrix, row, column));

    /// <summary>Zero points of a row of a matrix from a column on, <see cref="ZeroPointStride"/> apart; empty for none.</summary>
    public ReadOnlySpan<int> ZeroPointsFrom(int matrix, int row, int column) => ZeroPoint switch
    {
        null => [],
        { GroupSize: > 0 } groups => groups.From(PlaceOf(matrix, row, column)),
        _ => ZeroPoint.Values[(ZeroPointStride * ((BatchRank == 0 ? matrix * Columns : 0) + column))..],
    };

    /// <summary>Bytes of everything.</summary>
    public long SizeInBytes => ResidualOffset + ((long)Matrices * Vectors * (Residuals?.Stride ?? 0));

    private GroupPlace PlaceOf(int matrix, int row, int column) => new(matrix, column, row, Columns, Runs * RunElements, IsSource: false);
}

/// <summary>The layout of packed weights.</summary>
internal sealed class BrgemmWeights(BrgemmWeightsSpec spec) : PackedLayout
{
    /// <summary>What the layout depends on.</summary>
    public BrgemmWeightsSpec Spec => spec;

    /// <inheritdoc/>
    public override string Name =>
        $"brgemm:{spec.Product.ToString().ToLowerInvariant()}:n{spec.Lanes}k{spec.Product.Interleave()}";

    /// <inheritdoc/>
    public override long SizeInBytes => spec.SizeInBytes;

    /// <inheritdoc/>
    internal override unsafe void Pack(MemoryDescriptor source, void* sourceData, void* destination)
    {
        var packer = new BrgemmPacker(spec, source);
        for (int i = 0; i < packer.VectorCount; i++)
            packer.PackVector(i, (byte*)sourceData, (byte*)destination);
    }

    /// <inheritdoc/>
    public override bool Equals(PackedLayout? other) => other is BrgemmWeights weights && spec.Equals(weights.Spec);

    /// <inheritdoc/>
    public override int GetHashCode() => spec.GetHashCode();
}
