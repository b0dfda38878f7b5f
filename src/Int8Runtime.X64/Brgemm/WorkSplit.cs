// How the work of a matrix-like primitive is divided into units that threads take.
namespace Int8Runtime.X64;

/// <summary>What has to be divided.</summary>
/// <param name="Batches">Independent problems: images and groups, or the batch of a matrix product.</param>
/// <param name="Lines">Lines of rows in each.</param>
/// <param name="Pixels">Rows (pixels) of a line.</param>
/// <param name="Blocks">Blocks of columns.</param>
/// <param name="SourceBytes">Bytes of the source that belong to a line.</param>
/// <param name="DestinationBytes">Bytes of a line of the destination.</param>
/// <param name="WeightsBytes">Bytes of the weights of one problem.</param>
/// <param name="PanelBytes">Bytes of weights of one block of columns.</param>
/// <param name="RowsOfSharedLines">See <see cref="SharedLines"/>; the largest number where that does not matter.</param>
internal readonly record struct WorkShape(
    int Batches, int Lines, int Pixels, int Blocks, long SourceBytes, long DestinationBytes, long WeightsBytes, long PanelBytes,
    int RowsOfSharedLines = int.MaxValue)
{
    private const int FirstLevelBytes = 24 << 10, CacheLine = 64;

    /// <summary>
    /// Where stores of whole cache lines meet rows that do not begin at one, every store touches two lines, and blocks of columns share
    /// them. The number of rows after which a shared line is still in the first-level cache when the next block comes to it: 1.5 times as
    /// fast for a destination larger than the second level, no gain for smaller ones.
    /// </summary>
    /// <param name="storeBytes">Bytes of a store.</param>
    /// <param name="pitch">Bytes from a row of the destination to the next.</param>
    /// <param name="rowBytes">Bytes of a row that stay in the cache for a block: its source and its part of the destination.</param>
    /// <param name="panelBytes">Bytes of weights of a block.</param>
    /// <param name="tileRows">Rows of a tile.</param>
    public static int SharedLines(int storeBytes, long pitch, long rowBytes, long panelBytes, int tileRows)
    {
        if (storeBytes < CacheLine || pitch % CacheLine == 0)
            return int.MaxValue;
        long rows = (FirstLevelBytes - panelBytes) / (rowBytes + CacheLine);
        return rows >= tileRows ? (int)rows : int.MaxValue; // long sums hide what comes from the second level
    }

    /// <summary>Bytes that a line brings into the cache.</summary>
    public long LineBytes => SourceBytes + DestinationBytes;
}

/// <summary>One unit of work.</summary>
/// <param name="Batch">The problem.</param>
/// <param name="Line">First line.</param>
/// <param name="Lines">Number of lines.</param>
/// <param name="Pixel">First row of each line.</param>
/// <param name="Pixels">Number of rows.</param>
/// <param name="Block">First block of columns.</param>
/// <param name="BlockEnd">Behind the last block of columns.</param>
internal readonly record struct WorkUnit(int Batch, int Line, int Lines, int Pixel, int Pixels, int Block, int BlockEnd);

/// <summary>A division into units. Units with the same lines follow each other.</summary>
internal sealed class WorkSplit
{
    // Units for each thread: enough that a slow thread does not hold up the others much.
    private const int UnitsPerThread = 4;

    private readonly WorkShape _shape;
    private readonly int _lineBlocks, _pixelBlocks, _parts;

    private WorkSplit(WorkShape shape, int lineBlock, int pixelBlock, int parts)
    {
        (_shape, LineBlock, PixelBlock, _parts) = (shape, lineBlock, pixelBlock, parts);
        _lineBlocks = (shape.Lines + lineBlock - 1) / lineBlock;
        _pixelBlocks = (shape.Pixels + pixelBlock - 1) / pixelBlock;
    }

    /// <summary>Lines of a unit at most.</summary>
    public int LineBlock { get; }

    /// <summary>Rows of a unit's line at most; a multiple of the tile's rows unless it is the whole line.</summary>
    public int PixelBlock { get; }

    /// <summary>Number of units.</summary>
    public int Units => _shape.Batches * _lineBlocks * _pixelBlocks * _parts;

    /// <summary>The unit at an index.</summary>
    public WorkUnit this[int index]
    {
        get
        {
            (int rest, int part) = Math.DivRem(index, _parts);
            (rest, int pixelBlock) = Math.DivRem(rest, _pixelBlocks);
            (int batch, int lineBlock) = Math.DivRem(rest, _lineBlocks);
            int line = lineBlock * LineBlock, pixel = pixelBlock * PixelBlock;
            (int block, int blockEnd) = Parallel.Share(_shape.Blocks, part, _parts);
            return new WorkUnit(
                batch, line, Math.Min(LineBlock, _shape.Lines - line), pixel, Math.Min(PixelBlock, _shape.Pixels - pixel),
                block, blockEnd);
        }
    }

    /// <summary>
    /// Takes as many lines as fit half of the second-level cache together with a panel of weights, or all where reading the weights
    /// again for each such block would cost more than reading the lines again for each panel; then divides until every thread has work:
    /// columns first where weights are larger than activations, lines first otherwise.
    /// </summary>
    /// <param name="shape">What has to be divided.</param>
    /// <param name="tileRows">Rows of a tile.</param>
    /// <param name="threads">Number of threads.</param>
    /// <param name="cacheBytes">Bytes of the second-level cache; 0 if unknown.</param>
    public static WorkSplit Choose(WorkShape shape, int tileRows, int threads, int cacheBytes)
    {
        cacheBytes = cacheBytes > 0 ? cacheBytes : 1 << 20;
        long budget = Math.Max(64 << 10, (cacheBytes / 2) - shape.PanelBytes);
        bool fits = budget >= shape.LineBytes * shape.Lines || PanelsShareLines(shape, budget, cacheBytes);
        int lineBlock = fits ? shape.Lines : (int)Math.Clamp(budget / Math.Max(1, shape.LineBytes), 1, shape.Lines);
        int pixelBlock = shape.Pixels, parts = 1;
        if (shape.Lines == 1 && !fits)
            pixelBlock = Blocks(shape.Pixels, (int)(budget * shape.Pixels / Math.Max(1, shape.LineBytes)), tileRows);
        if (shape is { Lines: 1, Blocks: > 1 } && shape.RowsOfSharedLines < pixelBlock && shape.DestinationBytes > 2L * cacheBytes)
            pixelBlock = Blocks(shape.Pixels, shape.RowsOfSharedLines, tileRows);
        int wanted = threads == 1 ? 1 : threads * UnitsPerThread;
        bool columnsFirst = shape.WeightsBytes > shape.LineBytes * shape.Lines;
        int Units() => shape.Batches * ((shape.Lines + lineBlock - 1) / lineBlock)
            * ((shape.Pixels + pixelBlock - 1) / pixelBlock) * parts;
        void DivideColumns() => parts = Math.Clamp((wanted + Units() - 1) / Units(), 1, shape.Blocks);
        void DivideRows()
        {
            int pieces = (wanted + (shape.Batches * parts) - 1) / (shape.Batches * parts);
            if (Units() >= wanted)
                return;
            if (shape.Lines > 1)
                lineBlock = Math.Max(1, Math.Min(lineBlock, shape.Lines / pieces));
            else
                pixelBlock = Math.Min(pixelBlock, Blocks(shape.Pixels, (shape.Pixels + pieces - 1) / pieces, tileRows));
        }

        if (columnsFirst)
            DivideColumns();
        DivideRows();
        if (!columnsFirst)
            DivideColumns();
        return new WorkSplit(shape, Balanced(shape.Lines, lineBlock), pixelBlock, parts);
    }

    /// <summary>For reports.</summary>
    public override string ToString() => $"{Units} units of {LineBlock} lines x {PixelBlock} pixels x 1/{_parts} columns";

    // Whether it costs less to read the source again for each panel, of which half may still be in the cache, than weights that do not stay
    // there again for each block of lines that fits.
    private static bool PanelsShareLines(WorkShape shape, long budget, long cacheBytes)
    {
        long blocks = ((shape.Lines * shape.LineBytes) + budget - 1) / budget;
        return shape.WeightsBytes > cacheBytes / 2
            && (blocks - 1) * shape.WeightsBytes > (shape.Blocks - 1) * shape.Lines * shape.SourceBytes / 2;
    }

    // A multiple of the tile's rows near the wanted size, or everything.
    private static int Blocks(int rows, int wanted, int tileRows)
    {
        if (wanted >= rows)
            return rows;
        int tiles = Math.Max(1, wanted / tileRows);
        return Math.Min(rows, tiles * tileRows);
    }

    private static int Balanced(int count, int block)
    {
        int blocks = (count + block - 1) / block;
        return (count + blocks - 1) / blocks;
    }
}
