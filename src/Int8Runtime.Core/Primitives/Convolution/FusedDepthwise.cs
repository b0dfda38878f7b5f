// A convolution with a depthwise post-op as the two convolutions that it stands for.
namespace Int8Runtime;

/// <summary>
/// The 1×1 convolution and the depthwise convolution behind it, each as a problem of its own. The source of the second is the
/// destination of the first, an nhwc tensor that exists in part and in scratch memory only.
/// </summary>
/// <param name="Pointwise">The 1×1 convolution.</param>
/// <param name="PointwiseAttributes">Quantization of source and weights, post-ops before the depthwise one.</param>
/// <param name="Depthwise">The depthwise convolution.</param>
/// <param name="DepthwiseAttributes">Quantization of the destination, post-ops behind the depthwise one.</param>
/// <param name="Place">Index of the depthwise post-op in the chain.</param>
internal sealed record FusedDepthwise(
    ConvolutionDescriptor Pointwise, PrimitiveAttributes PointwiseAttributes, ConvolutionDescriptor Depthwise,
    PrimitiveAttributes DepthwiseAttributes, int Place)
{
    /// <summary>The value between the two convolutions.</summary>
    public MemoryDescriptor Intermediate => Depthwise.Source;

    /// <summary>Index of the depthwise post-op in a chain; −1 if there is none.</summary>
    public static int PlaceIn(PostOpChain postOps)
    {
        for (int i = 0; i < postOps.Count; i++)
            if (postOps[i] is DepthwisePostOp)
                return i;
        return -1;
    }

    /// <summary>Takes a convolution apart; null if its chain has no depthwise post-op.</summary>
    public static FusedDepthwise? Of(ConvolutionDescriptor descriptor, PrimitiveAttributes attributes)
    {
        int place = PlaceIn(attributes.PostOps);
        if (place < 0)
            return null;
        var postOp = (DepthwisePostOp)attributes.PostOps[place];
        int rows = Extent(0), columns = Extent(1), channels = descriptor.Weights.Dimensions[0];
        var intermediate = new MemoryDescriptor(
            [descriptor.Source.Dimensions[0], channels, rows, columns], postOp.SourceType, FormatTag.Nhwc);
        return new FusedDepthwise(
            descriptor with { Destination = intermediate },
            attributes with
            {
                DestinationScale = postOp.SourceScale, DestinationZeroPoint = postOp.SourceZeroPoint,
                PostOps = PostOpChain.Create([.. attributes.PostOps.Take(place)]),
            },
            new ConvolutionDescriptor
            {
                Source = intermediate, Weights = postOp.Weights, Bias = postOp.Bias, Destination = descriptor.Destination,
                Strides = [postOp.Stride, postOp.Stride], PaddingBefore = [postOp.Padding, postOp.Padding],
                PaddingAfter = [PaddingAfter(rows), PaddingAfter(columns)], Groups = channels,
            },
            attributes with
            {
                SourceScale = postOp.SourceScale, SourceZeroPoint = postOp.SourceZeroPoint,
                WeightsScale = postOp.WeightsScale, WeightsZeroPoint = null,
                PostOps = PostOpChain.Create([.. attributes.PostOps.Skip(place + 1)]),
            },
            place);

        int Extent(int axis) => ((descriptor.Source.Dimensions[axis + 2] - 1) / descriptor.Stride(axis)) + 1;
        int PaddingAfter(int extent) =>
            Math.Max(0, ((postOp.OutputExtent(extent) - 1) * postOp.Stride) + postOp.Kernel - extent - postOp.Padding);
    }

    /// <summary>The arguments of the 1×1 convolution, whose destination is <paramref name="intermediate"/>.</summary>
    public static unsafe ExecutionArguments PointwiseArguments(in ExecutionArguments arguments, void* intermediate)
    {
        ExecutionArguments result = arguments;
        result[ArgumentSlot.Destination] = intermediate;
        return result;
    }

    /// <summary>The arguments of the depthwise convolution, whose source is <paramref name="intermediate"/>.</summary>
    public unsafe ExecutionArguments DepthwiseArguments(in ExecutionArguments arguments, void* intermediate)
    {
        ExecutionArguments result = arguments;
        result[ArgumentSlot.Source] = intermediate;
        result[ArgumentSlot.Weights] = arguments.PostOpOperand(Place);
        result[ArgumentSlot.Bias] = arguments[ArgumentSlot.DepthwiseBias];
        for (int i = Place + 1; i < PostOp.MaximumChainLength; i++)
            result[ArgumentSlot.PostOp0 + (i - Place - 1)] = arguments.PostOpOperand(i);
        return result;
    }
}
