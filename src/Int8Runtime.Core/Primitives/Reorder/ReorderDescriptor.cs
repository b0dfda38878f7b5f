// Copies between layouts and types.
namespace Int8Runtime;

/// <summary>
/// Copies a tensor into another layout or type:
/// <c>dst = sat(rne(v / destinationScale) + destinationZeroPoint)</c> with <c>v = sourceScale·(src − sourceZeroPoint)</c>, as ONNX's
/// QuantizeLinear and DequantizeLinear. Scales and zero points may be per channel of dimension <see cref="ChannelAxis"/>, or per
/// index of several dimensions; a zero point is any s32.
/// </summary>
public sealed record ReorderDescriptor : PrimitiveDescriptor, IUnaryDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Reorder;

    /// <summary>The source.</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The destination, of the same dimensions; may be in an implementation's packed layout.</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>The dimension that scales and zero points per channel belong to.</summary>
    public int ChannelAxis { get; init; } = 1;

    /// <summary>Number of dimensions, from <see cref="ChannelAxis"/> on, over which they vary; their values are in row-major order.</summary>
    public int ChannelDimensions { get; init; } = 1;

    /// <summary>Extents of scales and zero points, of the tensors' rank: 1 where they do not vary.</summary>
    internal Shape ChannelShape =>
        [.. Source.Dimensions.Select((extent, d) => d >= ChannelAxis && d < ChannelAxis + ChannelDimensions ? extent : 1)];

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Source.Dimensions == Destination.Dimensions, $"source {Source.Dimensions} and destination {Destination.Dimensions} differ.");
        Require(Source.IsStrided && !Destination.IsAny, "the source needs strides and the destination a layout.");
        Require(ChannelDimensions >= 1, $"{ChannelDimensions} dimensions of channels; at least 1.");
        int channels = checked((int)ChannelShape.ElementCount);
        RequireChannels(attributes.SourceScale, attributes.SourceZeroPoint, channels, "source");
        RequireChannels(attributes.DestinationScale, attributes.DestinationZeroPoint, channels, "destination");
        foreach (PostOp postOp in attributes.PostOps)
            Require(postOp is SumPostOp, "the only post-op of a reorder is a sum.");
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("reorder", ChannelAxis, ChannelDimensions);
        writer.Types("sdt", Source);
        writer.Types("ddt", Destination);
        writer.Layouts("stag", Source);
        writer.Layouts("dtag", Destination);
        writer.Shape($"{Source.Dimensions}", Source);
    }
}
