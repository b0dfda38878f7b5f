// Convolution: the relation between the extents of source, window and destination.
namespace Int8Runtime;

/// <summary>
/// Convolution over one to three spatial dimensions. Output extent:
/// <c>(I + before + after − ((K − 1)·dilation + 1)) / stride + 1</c>. Padded elements hold the source's zero point. With a
/// <see cref="DepthwisePostOp"/> the destination is that of the depthwise convolution.
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
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        int place = FusedDepthwise.PlaceIn(attributes.PostOps);
        if (place < 0)
        {
            base.Validate(attributes);
            return;
        }

        var postOp = (DepthwisePostOp)attributes.PostOps[place];
        MemoryDescriptor weights = postOp.Weights;
        Require(Source.Rank == 4 && Weights.Rank == 4 && Weights.Dimensions[2] == 1 && Weights.Dimensions[3] == 1
            && PaddingBefore.All(pad => pad == 0) && PaddingAfter.All(pad => pad == 0),
            "a depthwise post-op follows a 1x1 convolution over two spatial dimensions without padding.");
        Require(weights.Rank == 4 && weights.Dimensions[0] == Weights.Dimensions[0] && weights.Dimensions[1] == 1
            && weights.Dimensions[2] == weights.Dimensions[3] && weights.Dimensions[3] >= 1,
            $"depthwise weights {weights.Dimensions} need dimensions [{Weights.Dimensions[0]}, 1, k, k].");
        Require(postOp.Stride >= 1 && postOp.Padding >= 0 && postOp.Padding < postOp.Kernel,
            $"a depthwise window of {postOp.Kernel} with stride {postOp.Stride} and padding {postOp.Padding}.");
        Require(postOp.SourceScale is null or { IsRuntime: false, Granularity: QuantizationGranularity.PerTensor }
            && postOp.SourceZeroPoint is null or { IsRuntime: false, Granularity: QuantizationGranularity.PerTensor }
            && postOp.WeightsScale is null or { IsRuntime: false },
            "scales and zero points of a depthwise post-op are constants, those of its source one for the whole tensor.");
        Require(attributes.PostOps.Count(other => other is DepthwisePostOp) == 1, "a chain holds one depthwise post-op at most.");
        Require(!attributes.PostOps.Take(place).Any(before => before is SumPostOp),
            "a sum before a depthwise post-op has no previous content.");
        FusedDepthwise fused = FusedDepthwise.Of(this, attributes)!;
        fused.Pointwise.Validate(fused.PointwiseAttributes);
        fused.Depthwise.Validate(fused.DepthwiseAttributes);
    }

    /// <inheritdoc/>
    internal override int Locate(int axis, int output, int tap) =>
        (output * Stride(axis)) - Before(axis) + (tap * Dilation(axis));

    /// <inheritdoc/>
    private protected override void RequireExtent(int axis)
    {
        long extent = (long)Source.Dimensions[axis + 2] + Before(axis) + After(axis);
        long window = ((Weights.Dimensions[axis + 2] - 1) * (long)Dilation(axis)) + 1;
        long expected = extent < window ? 0 : ((extent - window) / Stride(axis)) + 1;
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
