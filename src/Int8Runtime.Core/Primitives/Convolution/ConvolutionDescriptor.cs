// Convolution: the relation between the extents of source, window and destination.
namespace Int8Runtime;

/// <summary>
/// Convolution over one to three spatial dimensions. Output extent:
/// <c>(I + before + after − ((K − 1)·dilation + 1)) / stride + 1</c>. Padded elements hold the source's zero point.
/// </summary>
public sealed record ConvolutionDescriptor : ConvolutionDescriptorBase
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Convolution;

    /// <inheritdoc/>
    public override long MultiplyAccumulates =>
        Destination.ElementCount * Weights.ElementCount / Math.Max(1, Weights.Dimensions[0]);

    /// <inheritdoc/>
    private protected override string Driver => "conv";

    /// <inheritdoc/>
    internal override int Locate(int axis, int output, int tap) =>
        (output * Stride(axis)) - Before(axis) + (tap * Dilation(axis));

    /// <inheritdoc/>
    private protected override void RequireExtent(int axis)
    {
        int extent = Source.Dimensions[axis + 2] + Before(axis) + After(axis);
        int window = ((Weights.Dimensions[axis + 2] - 1) * Dilation(axis)) + 1;
        int expected = extent < window ? 0 : ((extent - window) / Stride(axis)) + 1;
        Require(Destination.Dimensions[axis + 2] == expected,
            $"the destination has extent {Destination.Dimensions[axis + 2]} in spatial dimension {axis}; the window gives {expected}.");
    }
}

/// <summary>Memory of a convolution or deconvolution.</summary>
/// <param name="Source">The source.</param>
/// <param name="Weights">The weights in the layout of <see cref="Primitive.Weights"/>.</param>
/// <param name="Bias">The bias, or null.</param>
/// <param name="Destination">The destination.</param>
public readonly record struct ConvolutionArguments(
    TensorMemory Source, TensorMemory Weights, TensorMemory? Bias, TensorMemory Destination) : IPrimitiveArguments
{
    /// <inheritdoc/>
    public void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments) =>
        WeightedArguments.Bind<ConvolutionDescriptorBase>(descriptor, ref arguments, Source, Weights, Bias, Destination);
}
