// The kernels that one plan needs: full tiles and what is left over in both directions.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Computes blocks of columns over the rows of a line. A block is as wide as a tile; the last one may be narrower, rows
/// that do not fill a tile go to a kernel with fewer rows, and tiles at the edges of a source leave out what lies outside.
/// </summary>
internal sealed unsafe class BrgemmKernels
{
    private readonly BrgemmBlocking _blocking;
    private readonly BrgemmSpec _template;
    private readonly int _lanes, _columns;
    private readonly Segment[] _segments;
    private readonly CompiledKernel[] _full, _last; // by Segment.Kernel

    /// <summary>Makes the kernels, or takes them from the cache.</summary>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="isa">Instruction sets.</param>
    /// <param name="template">The spec but for the size of the tile.</param>
    /// <param name="blocking">Size of a tile.</param>
    /// <param name="rows">Rows of a line, or of all lines where one tile spans them.</param>
    /// <param name="columns">Columns of the result.</param>
    /// <param name="edges">The edges of a line of which taps are left out; null where none are.</param>
    public BrgemmKernels(
        KernelCache cache, Isa isa, BrgemmSpec template, BrgemmBlocking blocking, int rows, int columns, LineEdges? edges = null)
    {
        (_blocking, _template, _columns) = (blocking, template, columns);
        _lanes = IsaTraits.For(isa).Lanes32;
        BlockColumns = blocking.Vectors * _lanes;
        BlockCount = (columns + BlockColumns - 1) / BlockColumns;
        var shapes = new List<(int Rows, TapClip? Clip)>();
        _segments = template.Lines is { } lines
            ? [Spanning(rows, edges?.ClipOf(0, lines.Pixels, lines.Pixels), shapes)]
            : SegmentsOf(rows, blocking.Rows, edges, shapes);
        int rest = columns % BlockColumns;
        CompiledKernel[] Make(int vectors, int tailLanes)
        {
            // The order of a sum of f32 is that of full tiles everywhere: it depends on the tile, not on how many rows there are.
            int chains = template.Product.AccumulatorType() == DataType.Float32
                ? BrgemmRegisters.For(IsaTraits.For(isa), template.Product, template.Compact).ChainsOf(blocking.Rows, vectors) : 0;
            var generator = new BrgemmGenerator();
            return [.. shapes.Select(shape => generator.GetOrCreate(
                cache, template with
                {
                    Rows = shape.Rows, Clip = shape.Clip, Vectors = vectors, TailLanes = tailLanes, Chains = chains,
                },
                isa))];
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
    /// <param name="source">The row at <paramref name="first"/>.</param>
    /// <param name="weights">Weights of the matrix.</param>
    /// <param name="destination">Column 0 of the row at <paramref name="first"/>.</param>
    /// <param name="channel">Channel of column 0, by which the epilogue finds its parameters.</param>
    /// <param name="first">First row, a multiple of the tile's rows.</param>
    /// <param name="rows">Number of rows; a multiple of the tile's rows unless the line ends with them.</param>
    public void Run(
        ref BrgemmArguments arguments, int block, byte* source, PreparedWeights weights, byte* destination, int channel, int first,
        int rows)
    {
        int column = block * BlockColumns;
        CompiledKernel[] kernels = column + BlockColumns <= _columns ? _full : _last;
        int vector = column / _lanes;
        arguments.Weights = (byte*)weights.Vectors + ((long)vector * _template.WeightsStride);
        arguments.Compensation = (int*)weights.Compensation + column;
        if (_template.Residuals is { } residuals)
            arguments.Residuals = (byte*)weights.Residuals + ((long)vector * residuals.Stride);
        arguments.Channel = channel + column;
        destination += (long)column * _template.Epilogue.Destination.SizeInBytes();
        fixed (BrgemmArguments* pointer = &arguments)
        {
            foreach (Segment segment in _segments)
            {
                int begin = Math.Max(first, segment.First), end = Math.Min(first + rows, segment.End);
                if (begin >= end)
                    continue;
                arguments.Source = source + ((long)(begin - first) * _template.SourceStride);
                arguments.Destination = destination + ((long)(begin - first) * _template.DestinationStride);
                arguments.Tiles = (end - begin) / segment.TileRows;
                kernels[segment.Kernel].Entry(pointer);
            }
        }
    }

    // Neighbouring tiles that are alike form a segment; different kernels are counted in shapes.
    private static Segment[] SegmentsOf(int rows, int tileRows, LineEdges? edges, List<(int Rows, TapClip? Clip)> shapes)
    {
        var segments = new List<Segment>();
        for (int first = 0; first < rows; first += tileRows)
        {
            int count = Math.Min(tileRows, rows - first);
            (int Rows, TapClip? Clip) shape = (count, edges?.ClipOf(first, count, rows));
            int kernel = shapes.IndexOf(shape);
            if (kernel < 0)
            {
                kernel = shapes.Count;
                shapes.Add(shape);
            }

            if (segments.Count > 0 && segments[^1].Kernel == kernel)
                segments[^1] = segments[^1] with { End = first + count };
            else
                segments.Add(new Segment(first, first + count, count, kernel));
        }

        return [.. segments];
    }

    private static Segment Spanning(int rows, TapClip? clip, List<(int Rows, TapClip? Clip)> shapes)
    {
        shapes.Add((rows, clip));
        return new Segment(0, rows, rows, 0);
    }

    // Rows from First to before End, in tiles of TileRows.
    private readonly record struct Segment(int First, int End, int TileRows, int Kernel);
}
