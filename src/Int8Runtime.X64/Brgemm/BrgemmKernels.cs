// The kernels that one plan needs: full tiles and what is left over in both directions.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Computes blocks of columns over any number of rows. A block is as wide as a tile; the last one may be narrower, and rows
/// that do not fill a tile go to a kernel with fewer rows.
/// </summary>
internal sealed unsafe class BrgemmKernels
{
    private readonly BrgemmBlocking _blocking;
    private readonly BrgemmSpec _template;
    private readonly int _lanes, _columns;
    private readonly CompiledKernel[] _full, _last; // [0]: whole tiles; [1 + i]: RowTails[i] rows
    private readonly int[] _rowTails;

    /// <summary>Makes the kernels, or takes them from the cache.</summary>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="isa">Instruction sets.</param>
    /// <param name="template">The spec but for the size of the tile.</param>
    /// <param name="blocking">Size of a tile.</param>
    /// <param name="rowCounts">Every number of rows that <see cref="Run"/> will be asked for.</param>
    /// <param name="columns">Columns of the result.</param>
    public BrgemmKernels(
        KernelCache cache, Isa isa, BrgemmSpec template, BrgemmBlocking blocking, ReadOnlySpan<int> rowCounts, int columns)
    {
        (_blocking, _template, _columns) = (blocking, template, columns);
        _lanes = IsaTraits.For(isa).Lanes32;
        BlockColumns = blocking.Vectors * _lanes;
        BlockCount = (columns + BlockColumns - 1) / BlockColumns;
        var tails = new SortedSet<int>();
        bool whole = false;
        foreach (int count in rowCounts)
        {
            whole |= count >= blocking.Rows;
            if (count % blocking.Rows != 0)
                tails.Add(count % blocking.Rows);
        }

        _rowTails = [.. tails];
        int rest = columns % BlockColumns;
        CompiledKernel[] Make(int vectors, int tailLanes)
        {
            var generator = new BrgemmGenerator();
            CompiledKernel Of(int rows) => generator.GetOrCreate(
                cache, template with { Rows = rows, Vectors = vectors, TailLanes = tailLanes }, isa);
            return [Of(whole ? blocking.Rows : _rowTails[0]), .. _rowTails.Select(Of)];
        }

        _full = columns >= BlockColumns ? Make(blocking.Vectors, 0) : [];
        _last = rest > 0 ? Make((rest + _lanes - 1) / _lanes, rest % _lanes) : _full;
    }

    /// <summary>Columns of a block.</summary>
    public int BlockColumns { get; }

    /// <summary>Number of blocks, a narrower last one included.</summary>
    public int BlockCount { get; }

    /// <summary>The tile, for reports: <c>14x2</c>.</summary>
    public string Tile => $"{_blocking.Rows}x{_blocking.Vectors}";

    /// <summary>Computes one block of columns.</summary>
    /// <param name="arguments">Runs and epilogue are set; the rest is filled in here.</param>
    /// <param name="block">The block.</param>
    /// <param name="source">First row.</param>
    /// <param name="weights">Weights of the matrix.</param>
    /// <param name="destination">Column 0 of the first row.</param>
    /// <param name="channel">Channel of column 0, by which the epilogue finds its parameters.</param>
    /// <param name="rows">Number of rows.</param>
    public void Run(
        ref BrgemmArguments arguments, int block, byte* source, PreparedWeights weights, byte* destination, int channel, int rows)
    {
        int column = block * BlockColumns;
        CompiledKernel[] kernels = column + BlockColumns <= _columns ? _full : _last;
        int vector = column / _lanes;
        arguments.Weights = (byte*)weights.Vectors + ((long)vector * _template.WeightsStride);
        arguments.Compensation = (int*)weights.Compensation + column;
        if (_template.Residuals is { } residuals)
            arguments.Residuals = (byte*)weights.Residuals + ((long)vector * residuals.Stride);
        arguments.Channel = channel + column;
        arguments.Source = source;
        arguments.Destination = destination + ((long)column * _template.Epilogue.Destination.SizeInBytes());
        int tiles = rows / _blocking.Rows, rest = rows - (tiles * _blocking.Rows);
        fixed (BrgemmArguments* pointer = &arguments)
        {
            if (tiles > 0)
            {
                arguments.Tiles = tiles;
                kernels[0].Entry(pointer);
            }

            if (rest == 0)
                return;
            long done = (long)tiles * _blocking.Rows;
            arguments.Tiles = 1;
            arguments.Source += done * _template.SourceStride;
            arguments.Destination += done * _template.DestinationStride;
            kernels[1 + Array.IndexOf(_rowTails, rest)].Entry(pointer);
        }
    }
}
