// How the kernel sees the source of a convolution: which pieces of memory form K, and whether rows are copied first.
namespace Int8Runtime.X64;

/// <summary>The rows that a kernel reads, directly from the source or from scratch copies of it.</summary>
internal sealed record ConvolutionRows
{
    private ConvolutionRows()
    {
    }

    /// <summary>The copy routine; null where the kernel reads the source itself.</summary>
    public required RowCopy? Copy { get; init; }

    /// <summary>Lines of output pixels in a plane.</summary>
    public required int Lines { get; init; }

    /// <summary>Output pixels of a line, all at a constant source and destination stride.</summary>
    public required int Pixels { get; init; }

    /// <summary>Planes of lines in an image: slices of a volume, or 1 where its slices form one line.</summary>
    public required int Planes { get; init; }

    /// <summary>Bytes between source pixels of neighbouring output pixels.</summary>
    public required int PixelStep { get; init; }

    /// <summary>Bytes between source rows of neighbouring lines.</summary>
    public required long LineStep { get; init; }

    /// <summary>Bytes of a scratch row, if rows are copied.</summary>
    public required long ScratchRowBytes { get; init; }

    /// <summary>Elements of a run.</summary>
    public required int RunElements { get; init; }

    /// <summary>Number of runs in a row of the window.</summary>
    public required int RunsOfRow { get; init; }

    /// <summary>Whether rows of the window that lie outside of the source are left out.</summary>
    public required bool SkipsRows { get; init; }

    /// <summary>The taps that are left out at both ends of a line; null for none.</summary>
    public required LineEdges? Edges { get; init; }

    /// <summary>
    /// Bytes from the first source element of a group to where the window of output pixel 0 begins, if the source is read directly;
    /// negative where the window begins in the padding, which no kernel reads.
    /// </summary>
    public long Origin { get; init; }

    /// <summary>Runs of the whole window.</summary>
    public int Runs(ConvolutionGeometry geometry) => geometry.KernelDepth * geometry.KernelHeight * RunsOfRow;

    /// <summary>Scratch rows of a unit of <paramref name="lines"/> lines, if rows are copied: those of each slice of the window.</summary>
    public static int ScratchRows(ConvolutionGeometry geometry, int lines) => geometry.KernelDepth * geometry.RowsOf(lines);

    /// <summary>
    /// Reads the source directly where neither types nor alignment stand in the way, nor padding that has to be multiplied: accumulators
    /// that start from a sum over all weights count every tap.
    /// </summary>
    /// <param name="geometry">The convolution.</param>
    /// <param name="operands">The product.</param>
    /// <param name="sourceType">Element type of the source.</param>
    /// <param name="sourceZeroPoint">Zero point of the source.</param>
    public static ConvolutionRows Choose(
        ConvolutionGeometry geometry, BrgemmOperands operands, DataType sourceType, ZeroPoint? sourceZeroPoint)
    {
        DotProductKind product = operands.Product;
        bool skips = geometry.IsPadded && geometry.EveryLineMeetsTheSource && !operands.Compensates(sourceZeroPoint);
        bool isDilated = geometry.DilationWidth > 1; // each tap is a run of its own then
        bool wholeTaps = isDilated || geometry.InputChannels % (product.Interleave() * product.StepsOfSum()) == 0;
        LineEdges? edges = skips && wholeTaps ? EdgesOf(geometry) : null;

        long densePixel = (long)geometry.InputChannels * sourceType.SizeInBytes();
        bool joined = !isDilated && geometry.Source.Pixel == densePixel;
        int directRun = joined ? geometry.KernelWidth * geometry.InputChannels : geometry.InputChannels;
        // A split weight's step is computed for every row of a tile.
        bool readsInside = !geometry.IsPadded || (skips && (joined || isDilated) && wholeTaps && !operands.SplitsWeights);
        if (readsInside && product.ReadsDirectly(sourceType) && directRun % product.Interleave() == 0)
            return Direct(geometry, joined ? 1 : geometry.KernelWidth, directRun, skips, edges);

        var copy = new RowCopy(
            product, sourceType, geometry.InputChannels, geometry.Source.Pixel,
            ZeroPoints: sourceType.IsInt8() ? RowCopy.ZeroPointsOf(sourceZeroPoint) : null);
        int pixelBytes = copy.ScratchPixelBytes;
        // The last step of a run may reach up to 3 bytes beyond it; the next row, or the slack behind the last one, is there.
        long rowBytes = ScratchLayout.RoundUp((long)geometry.RowPixels * pixelBytes);
        return new ConvolutionRows
        {
            Copy = copy,
            Lines = geometry.OutputHeight,
            Pixels = geometry.OutputWidth,
            Planes = geometry.OutputDepth,
            PixelStep = checked(geometry.StrideWidth * pixelBytes),
            LineStep = geometry.StrideHeight * rowBytes,
            ScratchRowBytes = rowBytes,
            RunElements = isDilated ? geometry.InputChannels : geometry.KernelWidth * geometry.InputChannels,
            RunsOfRow = isDilated ? geometry.KernelWidth : 1,
            SkipsRows = skips,
            Edges = edges,
        };
    }

    private static LineEdges? EdgesOf(ConvolutionGeometry geometry)
    {
        int left = Math.Max(0, geometry.Left), right = Math.Max(0, geometry.RowPixels - geometry.Left - geometry.InputWidth);
        return left == 0 && right == 0 ? null : new LineEdges(
            geometry.KernelWidth, geometry.StrideWidth, left, right, geometry.DilationWidth);
    }

    private static ConvolutionRows Direct(ConvolutionGeometry geometry, int runsOfRow, int runElements, bool skips, LineEdges? edges)
    {
        PixelStrides source = geometry.Source, destination = geometry.Destination;
        long pixelStep = geometry.StrideWidth * source.Pixel, lineStep = geometry.StrideHeight * source.Row;
        int lines = geometry.OutputHeight, pixels = geometry.OutputWidth, planes = geometry.OutputDepth;
        if (!geometry.IsPadded && lineStep == pixels * pixelStep && destination.Row == pixels * destination.Pixel
            && (long)pixels * lines <= int.MaxValue)
        {
            pixels *= lines;
            lines = 1;
            if (planes > 1 && geometry.StrideDepth * source.Slice == pixels * pixelStep
                && destination.Slice == pixels * destination.Pixel && (long)pixels * planes <= int.MaxValue)
                (pixels, planes) = (pixels * planes, 1);
        }

        return new ConvolutionRows
        {
            Copy = null,
            Lines = lines,
            Pixels = pixels,
            Planes = planes,
            PixelStep = checked((int)pixelStep),
            LineStep = lineStep,
            ScratchRowBytes = 0,
            RunElements = runElements,
            RunsOfRow = runsOfRow,
            SkipsRows = skips,
            Edges = edges,
            Origin = -((geometry.Front * source.Slice) + (geometry.Top * source.Row) + (geometry.Left * source.Pixel)),
        };
    }
}
