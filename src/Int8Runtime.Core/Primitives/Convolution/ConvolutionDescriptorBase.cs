// What convolution and deconvolution have in common: operands, window, groups and their validation.
using System.Globalization;

namespace Int8Runtime;

/// <summary>
/// A window of weights over one to three spatial dimensions. Source [N, C, …spatial], weights [O, C/groups, …kernel],
/// bias [O], destination [N, O, …spatial]; the padding holds the source's zero point.
/// </summary>
public abstract record ConvolutionDescriptorBase : PrimitiveDescriptor, IWeightedDescriptor
{
    private protected ConvolutionDescriptorBase()
    {
    }

    /// <summary>The source, [N, C, …spatial].</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The weights, [O, C / <see cref="Groups"/>, …kernel].</summary>
    public required MemoryDescriptor Weights { get; init; }

    /// <summary>
    /// The bias, [O] in f32, bf16, f16, s32, s8 or u8; null for none. It is converted to f32 and added unscaled.
    /// </summary>
    public MemoryDescriptor? Bias { get; init; }

    /// <summary>The destination, [N, O, …spatial].</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>Step of the window for each spatial dimension; ones if not set.</summary>
    public Shape Strides { get; init; }

    /// <summary>Distance of neighbouring taps for each spatial dimension (1 = dense); ones if not set.</summary>
    public Shape Dilations { get; init; }

    /// <summary>Padding before the first element of each spatial dimension; zeros if not set.</summary>
    public Shape PaddingBefore { get; init; }

    /// <summary>Padding after the last element of each spatial dimension; zeros if not set.</summary>
    public Shape PaddingAfter { get; init; }

    /// <summary>Number of groups; channels of a group see only the source channels of that group.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>Number of spatial dimensions.</summary>
    public int SpatialRank => Source.Rank - 2;

    /// <summary>True if each group has one source channel and one output channel.</summary>
    public bool IsDepthwise => Groups > 1 && Groups == Source.Dimensions[1] && Weights.Dimensions[0] == Groups;

    /// <summary>Multiply-accumulate operations of one execution (padding counted).</summary>
    public abstract long MultiplyAccumulates { get; }

    /// <summary>benchdnn's name of the driver.</summary>
    private protected abstract string Driver { get; }

    /// <summary>Step of the window in spatial dimension <paramref name="axis"/>.</summary>
    public int Stride(int axis) => Strides.Count == 0 ? 1 : Strides[axis];

    /// <summary>Dilation in spatial dimension <paramref name="axis"/>.</summary>
    public int Dilation(int axis) => Dilations.Count == 0 ? 1 : Dilations[axis];

    /// <summary>Padding before spatial dimension <paramref name="axis"/>.</summary>
    public int Before(int axis) => PaddingBefore.Count == 0 ? 0 : PaddingBefore[axis];

    /// <summary>Padding after spatial dimension <paramref name="axis"/>.</summary>
    public int After(int axis) => PaddingAfter.Count == 0 ? 0 : PaddingAfter[axis];

    /// <summary>
    /// Whether there are more weights than activations, so that integer weights of a floating-point source are worth expanding at each
    /// execution. Elsewhere each weight meets many pixels, and takes little room as f32.
    /// </summary>
    internal bool IsMostlyWeights => Weights.ElementCount >= Source.ElementCount + Destination.ElementCount;

    /// <summary>
    /// The source index that meets tap <paramref name="tap"/> in output <paramref name="output"/> of a spatial dimension;
    /// a negative one, or one beyond the source, where the tap adds nothing.
    /// </summary>
    internal abstract int Locate(int axis, int output, int tap);

    /// <summary>Throws where the destination's extent of a spatial dimension does not fit source and window.</summary>
    private protected abstract void RequireExtent(int axis);

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        int rank = SpatialRank;
        Require(rank is >= 1 and <= 3, $"the source needs one to three spatial dimensions, not {Source}.");
        Require(Weights.Rank == Source.Rank && Destination.Rank == Source.Rank, "source, weights and destination differ in rank.");
        RequireEntries(
            rank, (nameof(Strides), Strides), (nameof(Dilations), Dilations), (nameof(PaddingBefore), PaddingBefore),
            (nameof(PaddingAfter), PaddingAfter));
        int channels = Source.Dimensions[1], outputs = Weights.Dimensions[0];
        Require(Groups >= 1 && channels % Groups == 0 && outputs % Groups == 0,
            $"{Groups} groups do not divide {channels} source and {outputs} output channels.");
        Require(Weights.Dimensions[1] == channels / Groups,
            $"the weights have {Weights.Dimensions[1]} input channels; {channels} channels in {Groups} groups need {channels / Groups}.");
        Require(Destination.Dimensions[0] == Source.Dimensions[0] && Destination.Dimensions[1] == outputs,
            $"the destination {Destination.Dimensions} needs batch {Source.Dimensions[0]} and {outputs} channels.");
        RequireBias(Bias, Destination, outputs);
        for (int a = 0; a < rank; a++)
        {
            RequireWindow(
                a, Math.Max(Source.Dimensions[a + 2], Destination.Dimensions[a + 2]),
                (Weights.Dimensions[a + 2], Stride(a), Dilation(a)), (Before(a), After(a)));
            RequireExtent(a);
        }

        RequireChannels(attributes.WeightsScale, attributes.WeightsZeroPoint, outputs, "weights");
        RequireChannels(null, attributes.SourceZeroPoint, channels, "source");
        RequireChannels(null, attributes.DestinationZeroPoint, outputs, "destination");
        Require(attributes.WeightsScale is not { GroupSize: > 0 } && attributes.WeightsZeroPoint is not { GroupSize: > 0 }
            && !ProductQuantization.HasSourceGroups(attributes),
            "scales and zero points of groups along K are those of matrix products.");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        // A fused depthwise convolution reads another tensor than the destination; the text is about that one.
        MemoryDescriptor result = writer.Depthwise is null ? Destination : Between(writer.Depthwise);
        writer.Start(Driver);
        writer.Product(this, Groups > 1, result);
        writer.Bias(Bias, Weights.Dimensions[0]);
        if (writer.Depthwise is { } fused && (fused.Weights.DataType, fused.Bias?.DataType) != (Weights.DataType, Bias?.DataType))
            writer.Refuse("a depthwise post-op with weights or bias of another type");
        if (Enumerable.Range(0, SpatialRank).Any(a => !HasNotation(a)))
            writer.Refuse("a destination larger than strides account for");
        writer.Window(
            Groups > 1 ? string.Create(CultureInfo.InvariantCulture, $"g{Groups}") : "", Source, result, withChannels: true,
            [.. Enumerable.Range(0, SpatialRank).Select(a => Window(a) with { Output = result.Dimensions[a + 2] })]);
    }

    /// <summary>Spatial dimension <paramref name="axis"/> with source and destination as the problem text has them.</summary>
    private protected ConvolutionAxis Window(int axis) => new(
        Source.Dimensions[axis + 2], Destination.Dimensions[axis + 2], Weights.Dimensions[axis + 2], Stride(axis), Dilation(axis),
        Before(axis));

    // The window is 1×1 and there is no padding.
    private MemoryDescriptor Between(DepthwisePostOp postOp) => MemoryDescriptor.Any(
        [Source.Dimensions[0], Weights.Dimensions[0],
            .. Enumerable.Range(0, SpatialRank).Select(a => ((Source.Dimensions[a + 2] - 1) / Stride(a)) + 1)],
        postOp.SourceType);

    /// <summary>Whether a problem text can say the destination's extent of a spatial dimension.</summary>
    private protected virtual bool HasNotation(int axis) => true;
}
