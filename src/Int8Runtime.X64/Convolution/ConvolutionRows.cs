// How the kernel sees the source of a convolution: which pieces of memory form K, and whether rows are copied first.
namespace Int8Runtime.X64;

/// <summary>The rows that a kernel reads, directly from the source or from scratch copies of it.</summary>
internal sealed record ConvolutionRows
{
    private const int ScratchAlignment = 64;

    private ConvolutionRows()
    {
    }

    /// <summary>The copy routine; null where the kernel reads the source itself.</summary>
    public required RowCopy? Copy { get; init; }

    /// <summary>Lines of output pixels in an image (or in all images, see <see cref="Images"/>).</summary>
    public required int Lines { get; init; }

    /// <summary>Output pixels of a line, all at a constant source and destination stride.</summary>
    public required int Pixels { get; init; }

    /// <summary>Images that lines are counted in; 1 where all images form one line.</summary>
    public required int Images { get; init; }

    /// <summary>Bytes between source pixels of neighbouring output pixels.</summary>
    public required int PixelStep { get; init; }

    /// <summary>Bytes between source rows of neighbouring lines.</summary>
    public required long LineStep { get; init; }

    /// <summary>Bytes of a scratch row, if rows are copied.</summary>
    public required int ScratchRowBytes { get; init; }

    /// <summary>Elements of a run.</summary>
    public required int RunElements { get; init; }

    /// <summary>Byte offsets of the runs relative to an output pixel's first source element.</summary>
    public required long[] RunOffsets { get; init; }

    /// <summary>Reads the source directly where neither padding nor types nor alignment stand in the way.</summary>
    public static ConvolutionRows Choose(ConvolutionGeometry geometry, DotProductKind product, DataType sourceType)
    {
        int elementBytes = product.ElementBytes();
        long densePixel = (long)geometry.InputChannels * sourceType.SizeInBytes();
        bool joined = geometry.DilationWidth == 1 && geometry.Source.Pixel == densePixel;
        int directRun = joined ? geometry.KernelWidth * geometry.InputChannels : geometry.InputChannels;
        bool direct = !geometry.IsPadded && product.ReadsDirectly(sourceType) && directRun % product.Interleave() == 0;
        if (direct)
            return Direct(geometry, joined ? 1 : geometry.KernelWidth, directRun);

        var copy = new RowCopy(product, sourceType, geometry.InputChannels, geometry.Source.Pixel);
        bool joins = geometry.DilationWidth == 1;
        int pixelBytes = copy.ScratchPixelBytes;
        // The last step of a run may reach up to 3 bytes beyond it; the next row, or the slack behind the last one, is there.
        int rowBytes = ((geometry.RowPixels * pixelBytes) + ScratchAlignment - 1) / ScratchAlignment * ScratchAlignment;
        return new ConvolutionRows
        {
            Copy = copy,
            Lines = geometry.OutputHeight,
            Pixels = geometry.OutputWidth,
            Images = geometry.Images,
            PixelStep = checked(geometry.StrideWidth * pixelBytes),
            LineStep = (long)geometry.StrideHeight * rowBytes,
            ScratchRowBytes = rowBytes,
            RunElements = joins ? geometry.KernelWidth * geometry.InputChannels : geometry.InputChannels,
            RunOffsets = Offsets(geometry, joins ? 1 : geometry.KernelWidth, rowBytes, pixelBytes),
        };
    }

    private static ConvolutionRows Direct(ConvolutionGeometry geometry, int runsOfRow, int runElements)
    {
        PixelStrides source = geometry.Source, destination = geometry.Destination;
        long pixelStep = geometry.StrideWidth * source.Pixel, lineStep = geometry.StrideHeight * source.Row;
        int lines = geometry.OutputHeight, pixels = geometry.OutputWidth, images = geometry.Images;
        if (lineStep == pixels * pixelStep && destination.Row == pixels * destination.Pixel)
        {
            pixels *= lines;
            lines = 1;
        }

        return new ConvolutionRows
        {
            Copy = null,
            Lines = lines,
            Pixels = pixels,
            Images = images,
            PixelStep = checked((int)pixelStep),
            LineStep = lineStep,
            ScratchRowBytes = 0,
            RunElements = runElements,
            RunOffsets = Offsets(geometry, runsOfRow, source.Row, source.Pixel),
        };
    }

    private static long[] Offsets(ConvolutionGeometry geometry, int runsOfRow, long row, long pixel)
    {
        long[] offsets = GC.AllocateArray<long>(geometry.KernelHeight * runsOfRow, pinned: true);
        for (int i = 0; i < offsets.Length; i++)
            offsets[i] = (i / runsOfRow * geometry.DilationHeight * row) + (i % runsOfRow * geometry.DilationWidth * pixel);
        return offsets;
    }
}
