// The size of a kernel's tile, chosen by a cost model.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Vector registers that are not accumulators.</summary>
/// <param name="Total">Registers of the instruction set.</param>
/// <param name="Product">Temporaries of the product, held all the time.</param>
/// <param name="Epilogue">Registers of the epilogue, needed while the operands of products are not.</param>
/// <param name="Steps">Steps whose operands are held at a time.</param>
/// <param name="Compact">The format of weights that become f32 in registers; null for others.</param>
internal readonly record struct BrgemmRegisters(int Total, int Product, int Epilogue, int Steps = 1, CompactFormat? Compact = null)
{
    // Independent sums needed to hide the latency of a product (5 cycles, two products a cycle).
    private const int ProductsInFlight = 10;

    /// <summary>What products need, whatever the epilogue.</summary>
    public static BrgemmRegisters For(IsaTraits traits, DotProductKind product, CompactFormat? compact) => new(
        traits.VectorRegisters, DotProducts.Create(product, traits).Temporaries, 0, compact?.RowsTogether ?? product.StepsOfSum(), compact);

    /// <summary>The budget of a kernel. Without opmasks a partial last vector needs one more register for its mask.</summary>
    public static BrgemmRegisters For(
        IsaTraits traits, DotProductKind product, EpilogueSpec epilogue, int columns, CompactFormat? compact = null)
    {
        int mask = !traits.HasOpmask && columns % traits.Lanes32 != 0 ? 1 : 0;
        return For(traits, product, compact) with { Epilogue = EpilogueEmitter.NeedsOf(epilogue).Vectors + mask };
    }

    /// <summary>Registers that operands of a tile take while products are summed.</summary>
    /// <param name="rows">Rows of the tile.</param>
    /// <param name="vectors">Vectors of the tile.</param>
    /// <param name="steps">Steps whose operands are held at a time.</param>
    /// <param name="compact">
    /// The format of weights that become f32 in registers; null for others, which a single row takes from memory.
    /// </param>
    public static int OperandsOf(int rows, int vectors, int steps, CompactFormat? compact)
    {
        int weights = rows > 1 ? Math.Min(rows, vectors) : compact is null ? 0 : 1;
        int factors = compact is null ? 0 : CompactReader.ConstantsOf(compact) + (vectors * CompactReader.RegistersOfVector(compact));
        return (steps * (weights + 1)) + factors;
    }

    /// <summary>
    /// Interleaved sums for each accumulator: small tiles split K so that products do not wait for each other. Making f32 of compact
    /// weights takes longer than that.
    /// </summary>
    public int ChainsOf(int rows, int vectors) =>
        Compact is null ? InterleavedSums(rows * vectors, Total - Product - OperandsOf(rows, vectors, Steps, Compact)) : 1;

    /// <summary>The same for a number of products and of registers that their sums may take.</summary>
    public static int InterleavedSums(int products, int freeRegisters)
    {
        int chains = 1;
        while (products * chains < ProductsInFlight && products * chains * 2 <= freeRegisters && chains < 4)
            chains *= 2;
        return chains;
    }

    /// <summary>Whether a tile of this size fits.</summary>
    public bool Fits(int rows, int vectors) =>
        (rows * vectors) + Product + Math.Max(OperandsOf(rows, vectors, Steps, Compact), Epilogue) <= Total;
}

/// <summary>How columns and rows are divided among tiles.</summary>
/// <param name="Rows">Rows of a tile (MR).</param>
/// <param name="Vectors">Vectors of a tile's row (NR); the last tile of a row may have fewer.</param>
internal sealed record BrgemmBlocking(int Rows, int Vectors);

/// <summary>What the choice of a tile depends on.</summary>
/// <param name="Registers">The register budget.</param>
/// <param name="Rows">Rows that follow each other at a constant stride, e.g. pixels of an output row.</param>
/// <param name="Vectors">Column vectors.</param>
/// <param name="Steps">Steps over K, all runs together.</param>
/// <param name="VectorBytes">Bytes of a vector.</param>
/// <param name="RowStep">Bytes of the source from a row to the next.</param>
/// <param name="Lines">Lines of <paramref name="Rows"/> rows that a tile may span, whole ones only; 1 where it may not.</param>
/// <param name="LineStep">Bytes of the source from a line to the next.</param>
/// <param name="CacheBytes">Bytes of the second-level cache; 0 if unknown.</param>
/// <param name="IsOneTile">Whether a tile holds all rows.</param>
/// <param name="DestinationStep">Bytes of the destination from a row to the next.</param>
/// <param name="KeepsOrder">Whether tiles with fewer rows sum in the order of full ones, as sums of f32 have to.</param>
internal readonly record struct BlockingProblem(
    BrgemmRegisters Registers, int Rows, int Vectors, int Steps, int VectorBytes, long RowStep, int Lines = 1, long LineStep = 0,
    int CacheBytes = 0, bool IsOneTile = false, long DestinationStep = 0, bool KeepsOrder = false)
{
    // More panels of weights than this, read side by side, are more than the hardware prefetchers follow.
    private const int MaximumVectors = 8;

    private const int MaximumRows = 28;

    // In units of one product. A core that issues two products a cycle also issues two loads (Zen 5, Intel server cores),
    // one that issues one product issues one load (Zen 4), so a load weighs as much as a product and the two overlap.
    private const double Latency = 10, EpilogueOfVector = 3.5, LoopOfTile = 24;

    // Weights that do not stay in the first-level cache come at half a cache line a cycle (four products).
    // Panels that tiles sweep again and again come from the third level if they leave too little of the second to the source.
    private const double SecondLevelLoad = 4, ThirdLevelLoad = 12;

    private const int FirstLevelBytes = 24 << 10;

    // What is felt of loads beyond half of the time of the products, although they overlap with them.
    private const double LoadPressure = 0.3;

    // The same of fetches that take more than this part of the time of the products.
    private const double FetchPressure = 0.3, FreeFetches = 0.6;

    // Longer sums hide the time until stores are done.
    private const int StepsOfShortSum = 160;

    // Asking for more panels of weights takes longer than waiting for them; later panels find the source in the second level.
    private const int MostPrefetchedVectors = 3, MostPrefetchingPanels = 4;

    // Rows whose distance is a power of two fall into the same sets of the first-level cache, 64 of 8 lines; if they do not fit together,
    // each of their loads comes from the second level.
    private const int Sets = 64, Line = 64, Ways = 8;

    private const double EvictedLoad = 0.5;

    // Tiles that are estimated to take longer than this, relative to the best, are not worth measuring.
    private const double WorthMeasuring = 1.4;

    // Displacements within a tile are 32-bit numbers: rows of the source, panels of weights and, behind them, their residuals.
    private int MostRows => Math.Clamp(RowsWithin(RowStep, DestinationStep), 1, MaximumRows);

    private int MostVectors => (int)Math.Clamp(int.MaxValue / Math.Max(1, 2L * Steps * VectorBytes), 1, MaximumVectors);

    /// <summary>Rows of a tile whose displacements are 32-bit numbers.</summary>
    /// <param name="sourceStep">Bytes of the source from a row to the next.</param>
    /// <param name="destinationStep">Bytes of the destination from a row to the next.</param>
    public static int RowsWithin(long sourceStep, long destinationStep) =>
        (int)(int.MaxValue / Math.Max(1, Math.Max(Math.Abs(sourceStep), Math.Abs(destinationStep))));

    /// <summary>The tile that was asked for, if it fits; otherwise the one with the least estimated time.</summary>
    /// <param name="asked">A measured tile, or null.</param>
    public BrgemmBlocking Choose(KernelTile? asked)
    {
        KernelTile tile =
            asked is { } t && (IsTile(t.Rows) || IsBeyond(t.Rows)) && t.Vectors <= Math.Min(Vectors, MostVectors) && Registers.Fits(t.Rows, t.Vectors)
                ? t : BestOfEachWidth()[0].Tile;
        return new BrgemmBlocking(tile.Rows, tile.Vectors);
    }

    /// <summary>For each number of vectors the best number of rows, the least estimated time first.</summary>
    public IReadOnlyList<KernelTile> Candidates()
    {
        List<(KernelTile Tile, double Cost)> tiles = BestOfEachWidth();
        return [.. tiles.TakeWhile(c => c.Cost <= WorthMeasuring * tiles[0].Cost).Select(c => c.Tile)];
    }

    /// <summary>
    /// What kernels of a tile ask for ahead: weights that the first-level cache does not keep beside the rows, rows that come from
    /// beyond the second level often enough to be felt, and what short sums write there.
    /// </summary>
    /// <param name="tile">The tile.</param>
    /// <param name="runSteps">Steps of a run, each 4 bytes of a row.</param>
    /// <param name="sourceBytes">Bytes that each panel of weights passes over; 0 where they are in the second-level cache.</param>
    /// <param name="destinationBytes">Bytes of the destination.</param>
    public BrgemmPrefetch PrefetchOf(BrgemmBlocking tile, int runSteps, long sourceBytes, long destinationBytes)
    {
        if (tile.Rows == 1)
            return BrgemmPrefetch.None; // one after the other: hardware does it
        BrgemmPrefetch prefetch = BrgemmPrefetch.None;
        long stepBytes = (tile.Vectors * VectorBytes) + (tile.Rows * sizeof(int));
        if (VectorBytes == Line && tile.Vectors <= MostPrefetchedVectors && stepBytes * Steps > FirstLevelBytes)
            prefetch |= BrgemmPrefetch.Weights;
        bool isPiece = tile.Rows <= Rows && RowStep > 0 && RowStep <= (long)runSteps * sizeof(int);
        if (isPiece && sourceBytes > SecondLevelBytes / 2 && Vectors <= tile.Vectors * MostPrefetchingPanels)
            prefetch |= BrgemmPrefetch.NextTile;
        if (Steps <= StepsOfShortSum && destinationBytes > SecondLevelBytes)
            prefetch |= BrgemmPrefetch.Destination;
        return prefetch;
    }

    private int SecondLevelBytes => CacheBytes > 0 ? CacheBytes : 1 << 20;

    // Cache lines of a tile's rows that fall into one set; the weights need a way besides.
    private int LinesOfSet(int rows)
    {
        Span<int> sets = stackalloc int[Sets];
        int most = 0;
        long previous = -1;
        for (int m = 0; m < rows; m++)
        {
            long line = Math.Abs((m / Rows * LineStep) + (m % Rows * RowStep)) / Line; // rows may lie backwards
            if (line != previous)
                most = Math.Max(most, ++sets[(int)(line % Sets)]);
            previous = line;
        }

        return most;
    }

    private bool IsTile(int rows) => IsOneTile ? rows == Rows
        : rows <= MostRows && (rows <= Rows || (rows % Rows == 0 && rows / Rows <= Lines));

    // A part of a line can be asked to be computed as the whole line is, even if it does not fill a tile.
    private bool IsBeyond(int rows) => Lines == 1 && !IsOneTile && rows > Rows && rows <= MostRows;

    // The least cost first; of equal ones the tile with fewer rows.
    private List<(KernelTile Tile, double Cost)> BestOfEachWidth()
    {
        int second = SecondLevelBytes / 8 * 5;
        var model = new CostModel(
            Steps, FirstLevelBytes / VectorBytes / Steps, second / VectorBytes / Steps, Lines * Rows, KeepsOrder,
            VectorBytes == Line ? FetchPressure : 0);
        var best = new List<(KernelTile Tile, double Cost)>();
        for (int nr = 1; nr <= Math.Min(Vectors, MostVectors) && (nr == 1 || Registers.Fits(1, nr)); nr++)
        {
            (KernelTile Tile, double Cost) least = (new KernelTile(1, nr), double.PositiveInfinity);
            for (int mr = 1; mr <= MaximumRows && (mr == 1 || Registers.Fits(mr, nr)); mr++)
            {
                if (!IsTile(mr))
                    continue;
                double cost = mr <= Rows ? Lines * model.Cost(mr, nr, Rows, Vectors) : model.Cost(mr, nr, Lines * Rows, Vectors);
                if (LinesOfSet(mr) >= Ways)
                    cost += EvictedLoad * Steps * Lines * Rows * ((Vectors + nr - 1) / nr);
                if (cost < least.Cost)
                    least = (new KernelTile(mr, nr), cost);
            }

            best.Add(least);
        }

        best.Sort((a, b) => (a.Cost, a.Tile.Rows).CompareTo((b.Cost, b.Tile.Rows)));
        return best;
    }

    // The estimated time of all tiles. Panels of up to Cached vectors stay in the first-level cache, of up to Near vectors in the second;
    // what a single tile reads comes from wherever it is.
    private readonly record struct CostModel(int Steps, int Cached, int Near, int AllRows, bool KeepsOrder, double FetchPressure)
    {
        public double Cost(int mr, int nr, int rows, int vectors)
        {
            double full = RowsCost(mr, nr, rows), last = vectors % nr == 0 ? 0 : RowsCost(mr, vectors % nr, rows);
            return (vectors / nr * full) + last;
        }

        private double RowsCost(int mr, int nr, int rows) =>
            (rows / mr * TileCost(mr, nr, mr)) + (rows % mr == 0 ? 0 : TileCost(rows % mr, nr, KeepsOrder ? mr : rows % mr));

        private double FetchOf(int mr, int nr) => nr > Near && AllRows > mr ? ThirdLevelLoad : SecondLevelLoad;

        private double TileCost(int mr, int nr, int chainRows)
        {
            double products = mr * nr, loads = mr + nr, fetches = nr > Cached ? nr * FetchOf(mr, nr) : 0;
            double step = Math.Max(products, Math.Max(loads, fetches)) + (LoadPressure * Math.Max(0, loads - (products / 2)))
                + (FetchPressure * Math.Max(0, fetches - (FreeFetches * products)));
            step = Math.Max(step, Latency / BrgemmRegisters.InterleavedSums(chainRows * nr, 16));
            return (Steps * step) + (products * EpilogueOfVector) + LoopOfTile;
        }
    }
}
