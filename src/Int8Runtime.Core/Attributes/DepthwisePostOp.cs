// A depthwise convolution that follows a 1×1 convolution inside of one primitive.
namespace Int8Runtime;

/// <summary>
/// A depthwise convolution over the rows that a 1×1 convolution has just computed; see <see cref="PostOp.Depthwise"/>. The value
/// between the two is a tensor of its own kind: it is quantized, rounded and saturated to <see cref="SourceType"/> as a destination
/// is, but it never leaves the cache.
/// </summary>
/// <param name="Weights">
/// The weights, [O, 1, k, k] for the O output channels of the 1×1 convolution; <see cref="MemoryDescriptor.Any"/> leaves the layout to
/// the implementation, whose choice is in <see cref="Primitive.Attributes"/>.
/// </param>
/// <param name="Bias">The bias, [O], converted to f32 and added unscaled; null for none.</param>
/// <param name="Stride">Step of the window in both spatial dimensions.</param>
/// <param name="Padding">
/// Padding before the first row and column, less than k; that behind the last ones follows from the destination.
/// </param>
/// <param name="SourceType">Type of the 1×1 convolution's result, which the depthwise convolution reads.</param>
public sealed record DepthwisePostOp(MemoryDescriptor Weights, MemoryDescriptor? Bias, int Stride, int Padding,
    DataType SourceType) : PostOp
{
    /// <summary>Constant scale of the 1×1 convolution's result, per tensor; null for 1.</summary>
    public QuantizationScale? SourceScale { get; init; }

    /// <summary>Constant zero point of the 1×1 convolution's result, per tensor; null for 0.</summary>
    public ZeroPoint? SourceZeroPoint { get; init; }

    /// <summary>Constant scale of the depthwise weights, per tensor or channel; null for 1.</summary>
    public QuantizationScale? WeightsScale { get; init; }

    /// <summary>Taps of the window in each spatial dimension.</summary>
    public int Kernel => Weights.Dimensions[^1];

    /// <summary>
    /// Extent of the destination where the 1×1 convolution's result has <paramref name="extent"/>: extent / stride, rounded up.
    /// </summary>
    public int OutputExtent(int extent) => (extent + Stride - 1) / Stride;
}
