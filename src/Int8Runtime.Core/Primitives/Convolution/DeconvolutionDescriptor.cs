// Deconvolution (transposed convolution): the relation between the extents of source, window and destination.
namespace Int8Runtime;

/// <summary>
/// Transposed convolution over one to three spatial dimensions: source element i and tap k add to output
/// <c>i·stride − before + k·dilation</c> (Dumoulin and Visin, "A guide to convolution arithmetic for deep learning",
/// section 4). Weights are [O, C/groups, …kernel], as those of a convolution. The destination's extent is
/// <c>(I − 1)·stride + (K − 1)·dilation + 1 − before − after</c>, to which up to <c>stride − 1</c> elements may be added
/// (output padding); elements that no tap reaches are the bias.
/// </summary>
public sealed record DeconvolutionDescriptor : ConvolutionDescriptorBase
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Deconvolution;

    /// <inheritdoc/>
    public override long MultiplyAccumulates => Source.ElementCount * Weights.ElementCount / Math.Max(1, Source.Dimensions[1]);

    /// <inheritdoc/>
    private protected override string Driver => "deconv";

    /// <inheritdoc/>
    internal override int Locate(int axis, int output, int tap)
    {
        int position = output + Before(axis) - (tap * Dilation(axis));
        return position % Stride(axis) == 0 ? position / Stride(axis) : -1;
    }

    // The text is read as the convolution from destination to source, which may leave less than a stride unread.
    /// <inheritdoc/>
    private protected override bool HasNotation(int axis)
    {
        ConvolutionAxis window = Window(axis);
        return (window with { Input = window.Output, Output = window.Input }).PaddingAfter > -window.Stride;
    }

    /// <inheritdoc/>
    private protected override void RequireExtent(int axis)
    {
        long window = ((Weights.Dimensions[axis + 2] - 1) * (long)Dilation(axis)) + 1;
        long least = ((Source.Dimensions[axis + 2] - 1) * (long)Stride(axis)) + window - Before(axis) - After(axis);
        long extent = Destination.Dimensions[axis + 2], most = least + Math.Max(Stride(axis), Dilation(axis)) - 1;
        Require(extent >= least && extent <= most,
            $"the destination has extent {extent} in spatial dimension {axis}; source, window and padding give {least} to {most}.");
    }
}
