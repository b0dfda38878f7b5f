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

    /// <summary>
    /// Number of dimensions, from <see cref="ChannelAxis"/> on, over which they vary; their values are in row-major order.
    /// </summary>
    public int ChannelDimensions { get; init; } = 1;

    /// <summary>
    /// s32, of the tensors' rank, each extent theirs or 1: receives −128·Σ of the stored s8 weights over the dimensions in which it has
    /// extent 1, which corrects a product's sums over an s8 source that was shifted to u8. Null for none. Packed weights hold it
    /// themselves.
    /// </summary>
    public MemoryDescriptor? SignedSourceCompensation { get; init; }

    /// <summary>
    /// Like <see cref="SignedSourceCompensation"/>, but −Σ: times the source's zero point it corrects the sums over a source that has one.
    /// </summary>
    public MemoryDescriptor? ZeroPointCompensation { get; init; }

    /// <summary>Whether a compensation is asked for.</summary>
    internal bool HasCompensations => SignedSourceCompensation is not null || ZeroPointCompensation is not null;

    /// <summary>The compensations that are asked for, each with the factor of its sums.</summary>
    internal IReadOnlyList<Compensation> Compensations
    {
        get
        {
            var asked = new List<Compensation>();
            if (SignedSourceCompensation is { } signedSource)
                asked.Add(new(ArgumentSlot.SignedSourceCompensation, signedSource, -128));
            if (ZeroPointCompensation is { } zeroPoint)
                asked.Add(new(ArgumentSlot.ZeroPointCompensation, zeroPoint, -1));
            return asked;
        }
    }

    /// <summary>Extents of scales and zero points, of the tensors' rank: 1 where they do not vary.</summary>
    internal Shape ChannelShape =>
        [.. Source.Dimensions.Select((extent, d) => d >= ChannelAxis && d < ChannelAxis + ChannelDimensions ? extent : 1)];

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Source.Dimensions == Destination.Dimensions,
            $"source {Source.Dimensions} and destination {Destination.Dimensions} differ.");
        Require(Source.IsStrided && !Destination.IsAny, "the source needs strides and the destination a layout.");
        Require(ChannelDimensions >= 1, $"{ChannelDimensions} dimensions of channels; at least 1.");
        int channels = checked((int)ChannelShape.ElementCount);
        RequireChannels(attributes.SourceScale, attributes.SourceZeroPoint, channels, "source");
        RequireChannels(attributes.DestinationScale, attributes.DestinationZeroPoint, channels, "destination");
        foreach (PostOp postOp in attributes.PostOps)
            Require(postOp is SumPostOp, "the only post-op of a reorder is a sum.");
        foreach ((ArgumentSlot slot, MemoryDescriptor tensor, int _) in Compensations)
        {
            Require(Destination is { DataType: DataType.Int8, Packed: null },
                $"a {slot} belongs to s8 weights in a layout of strides, not to {Destination}.");
            Require(tensor is { DataType: DataType.Int32, IsStrided: true }, $"the {slot} is {tensor} and must be s32 with a layout.");
            RequireBroadcast(tensor.Dimensions, Destination.Dimensions, $"the {slot}");
        }
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("reorder", ChannelAxis, ChannelDimensions);
        writer.Types("sdt", Source);
        writer.Types("ddt", Destination);
        writer.Layouts("stag", Source);
        writer.Layouts("dtag", Destination);
        if (HasCompensations)
            writer.Option("oflag", string.Join('+', Compensations.Select(c => Flag(writer, c.Slot, c.Tensor))));
        writer.Shape($"{Source.Dimensions}", Source);
    }

    private static string Flag(ProblemWriter writer, ArgumentSlot slot, MemoryDescriptor tensor)
    {
        if (!tensor.Equals(new MemoryDescriptor(tensor.Dimensions, tensor.DataType)))
            writer.Differ($"layout of the {slot}");
        return $"{(slot == ArgumentSlot.SignedSourceCompensation ? "s8s8_comp" : "zp_comp")}:{ProblemWriter.MaskOf(tensor.Dimensions)}";
    }
}

/// <summary>Sums of weights that a reorder writes beside them.</summary>
/// <param name="Slot">The argument that receives them.</param>
/// <param name="Tensor">What it is.</param>
/// <param name="Factor">What each sum is multiplied by.</param>
internal readonly record struct Compensation(ArgumentSlot Slot, MemoryDescriptor Tensor, int Factor);

/// <summary>Memory of a reorder of weights that writes compensations.</summary>
/// <param name="Source">The source.</param>
/// <param name="Destination">The destination.</param>
/// <param name="SignedSource">The <see cref="ReorderDescriptor.SignedSourceCompensation"/>; null if the descriptor has none.</param>
/// <param name="ZeroPoint">The <see cref="ReorderDescriptor.ZeroPointCompensation"/>; null if the descriptor has none.</param>
public readonly record struct CompensatedReorderArguments(
    TensorMemory Source, TensorMemory Destination, TensorMemory? SignedSource = null, TensorMemory? ZeroPoint = null) : IPrimitiveArguments
{
    /// <inheritdoc/>
    public void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments)
    {
        if (descriptor is not ReorderDescriptor expected)
            throw new ArgumentException($"A {descriptor?.Kind} primitive writes no compensations.");
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Source, Source, expected.Source);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Destination, Destination, expected.Destination);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.SignedSourceCompensation, SignedSource, expected.SignedSourceCompensation);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.ZeroPointCompensation, ZeroPoint, expected.ZeroPointCompensation);
    }
}
