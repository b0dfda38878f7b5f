// A convolution in numbers; missing dimensions are a depth and a height of 1.
namespace Int8Runtime.X64;

/// <summary>Extents and element strides of a convolution over channel-last memory. Channels are counted per group.</summary>
internal sealed record ConvolutionGeometry
{
    private ConvolutionGeometry()
    {
    }

    public required int Images { get; init; }

    public required int Groups { get; init; }

    public required int InputChannels { get; init; }

    public required int OutputChannels { get; init; }

    public required int InputDepth { get; init; }

    public required int OutputDepth { get; init; }

    public required int KernelDepth { get; init; }

    public required int StrideDepth { get; init; }

    public required int DilationDepth { get; init; }

    public required int Front { get; init; }

    public required int Back { get; init; }

    public required int InputHeight { get; init; }

    public required int InputWidth { get; init; }

    public required int OutputHeight { get; init; }

    public required int OutputWidth { get; init; }

    public required int KernelHeight { get; init; }

    public required int KernelWidth { get; init; }

    public required int StrideHeight { get; init; }

    public required int StrideWidth { get; init; }

    public required int DilationHeight { get; init; }

    public required int DilationWidth { get; init; }

    public required int Top { get; init; }

    public required int Left { get; init; }

    public required int Bottom { get; init; }

    public required int Right { get; init; }

    public required PixelStrides Source { get; init; }

    public required PixelStrides Destination { get; init; }

    /// <summary>
    /// The same convolution in fewer words: where a window of one pixel skips pixels, it is a convolution without strides over the
    /// pixels that it meets.
    /// </summary>
    public ConvolutionGeometry WithoutSkippedPixels => KernelDepth * KernelHeight * KernelWidth > 1 || IsPadded ? this : this with
    {
        InputDepth = OutputDepth,
        InputHeight = OutputHeight,
        InputWidth = OutputWidth,
        StrideDepth = 1,
        StrideHeight = 1,
        StrideWidth = 1,
        Source = Source with { Slice = StrideDepth * Source.Slice, Row = StrideHeight * Source.Row, Pixel = StrideWidth * Source.Pixel },
    };

    /// <summary>Whether any tap of any output lies outside the source.</summary>
    public bool IsPadded => Front > 0 || Back > 0 || Top > 0 || Left > 0 || Bottom > 0 || Right > 0;

    /// <summary>Whether the window of each output row has at least one row inside of the source.</summary>
    public bool EveryLineMeetsTheSource =>
        Enumerable.Range(0, OutputHeight).All(line => RowsInside(line) is var (first, end) && end > first)
        && Enumerable.Range(0, OutputDepth).All(plane => SlicesInside(plane) is var (first, end) && end > first);

    /// <summary>The rows of the window of an output row that lie inside of the source: from the first to before the end.</summary>
    public (int First, int End) RowsInside(int line) =>
        Inside((line * StrideHeight) - Top, KernelHeight, DilationHeight, InputHeight);

    /// <summary>The slices of the window of an output slice that lie inside of the source.</summary>
    public (int First, int End) SlicesInside(int plane) => Inside((plane * StrideDepth) - Front, KernelDepth, DilationDepth, InputDepth);

    /// <summary>Input columns that an output row reads.</summary>
    public int RowPixels => ((OutputWidth - 1) * StrideWidth) + ((KernelWidth - 1) * DilationWidth) + 1;

    /// <summary>Input rows that <paramref name="outputs"/> output rows read.</summary>
    public int RowsOf(int outputs) => ((outputs - 1) * StrideHeight) + ((KernelHeight - 1) * DilationHeight) + 1;

    // Taps from which start + tap·dilation is 0 or more and less than the extent.
    private static (int First, int End) Inside(int start, int taps, int dilation, int extent)
    {
        int first = Math.Min(taps, (Math.Max(0, -start) + dilation - 1) / dilation);
        return (first, Math.Clamp((extent - start + dilation - 1) / dilation, first, taps));
    }

    /// <summary>Reads the descriptor, whose source and destination are strided with the channels at stride 1.</summary>
    public static ConvolutionGeometry Of(ConvolutionDescriptor descriptor)
    {
        int x = descriptor.SpatialRank - 1; // axis of the width
        int Height(Func<int, int> of, int one) => x < 1 ? one : of(x - 1);
        int Depth(Func<int, int> of, int one) => x < 2 ? one : of(x - 2);
        return new ConvolutionGeometry
        {
            Images = descriptor.Source.Dimensions[0],
            Groups = descriptor.Groups,
            InputChannels = descriptor.Weights.Dimensions[1],
            OutputChannels = descriptor.Weights.Dimensions[0] / descriptor.Groups,
            InputDepth = Depth(a => descriptor.Source.Dimensions[a + 2], 1),
            OutputDepth = Depth(a => descriptor.Destination.Dimensions[a + 2], 1),
            KernelDepth = Depth(a => descriptor.Weights.Dimensions[a + 2], 1),
            StrideDepth = Depth(descriptor.Stride, 1),
            DilationDepth = Depth(descriptor.Dilation, 1),
            Front = Depth(descriptor.Before, 0),
            Back = Depth(descriptor.After, 0),
            InputHeight = Height(a => descriptor.Source.Dimensions[a + 2], 1),
            InputWidth = descriptor.Source.Dimensions[x + 2],
            OutputHeight = Height(a => descriptor.Destination.Dimensions[a + 2], 1),
            OutputWidth = descriptor.Destination.Dimensions[x + 2],
            KernelHeight = Height(a => descriptor.Weights.Dimensions[a + 2], 1),
            KernelWidth = descriptor.Weights.Dimensions[x + 2],
            StrideHeight = Height(descriptor.Stride, 1),
            StrideWidth = descriptor.Stride(x),
            DilationHeight = Height(descriptor.Dilation, 1),
            DilationWidth = descriptor.Dilation(x),
            Top = Height(descriptor.Before, 0),
            Left = descriptor.Before(x),
            Bottom = Height(descriptor.After, 0),
            Right = descriptor.After(x),
            Source = PixelStrides.Of(descriptor.Source),
            Destination = PixelStrides.Of(descriptor.Destination),
        };
    }
}

/// <summary>Bytes between neighbouring images, slices of a volume, rows and pixels, and before the first pixel.</summary>
internal readonly record struct PixelStrides(long Image, long Slice, long Row, long Pixel, long Offset)
{
    /// <summary>The strides of a tensor [N, C, ((D,) H,) W].</summary>
    public static PixelStrides Of(MemoryDescriptor descriptor)
    {
        int size = descriptor.DataType.SizeInBytes();
        long pixel = descriptor.Strides[^1] * size;
        return new PixelStrides(
            descriptor.Strides[0] * size,
            descriptor.Rank == 5 ? descriptor.Strides[2] * size : 0,
            descriptor.Rank == 3 ? pixel * descriptor.Dimensions[^1] : descriptor.Strides[^2] * size,
            pixel,
            descriptor.Offset * size);
    }
}
