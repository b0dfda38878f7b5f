// One convolution of a chain.
namespace Int8Runtime.X64;

/// <summary>A convolution that reads what the one before it in a chain writes.</summary>
/// <param name="Whole">Its plan for whole images: bands use the layout of its weights, its tile and its kind of product.</param>
/// <param name="Attributes">Quantization and post-ops.</param>
internal sealed record ConvolutionStage(PrimitivePlan Whole, PrimitiveAttributes Attributes)
{
    /// <summary>The problem, with every layout resolved.</summary>
    public ConvolutionDescriptor Descriptor { get; } = (ConvolutionDescriptor)Whole.Descriptor;

    /// <summary>What the size of a band depends on.</summary>
    public BandLayer Layer => new(Window, Descriptor.Stride(0), Descriptor.Source.Dimensions[2], BytesOfRow(Descriptor.Source));

    /// <summary>Bytes of a row of the destination.</summary>
    public long RowBytes => BytesOfRow(Descriptor.Destination);

    /// <summary>
    /// The source rows that destination rows [from, to) meet, as [Top, Bottom): they may lie in the padding above or below the source.
    /// </summary>
    public (int Top, int Bottom) Meets(int from, int to)
    {
        int top = (from * Descriptor.Stride(0)) - Descriptor.Before(0);
        return (top, top + ((to - from - 1) * Descriptor.Stride(0)) + Window);
    }

    /// <summary>The same without the padding.</summary>
    public (int From, int To) Reads(int from, int to)
    {
        (int top, int bottom) = Meets(from, to);
        return (Math.Max(0, top), Math.Min(Descriptor.Source.Dimensions[2], bottom));
    }

    private int Window => ((Descriptor.Weights.Dimensions[2] - 1) * Descriptor.Dilation(0)) + 1;

    private static long BytesOfRow(MemoryDescriptor tensor) =>
        (long)tensor.Dimensions[1] * tensor.Dimensions[3] * tensor.DataType.SizeInBytes();
}
