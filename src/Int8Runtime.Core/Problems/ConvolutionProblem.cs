// The shapes of a convolution.
namespace Int8Runtime;

/// <summary>One spatial dimension of a convolution.</summary>
/// <param name="Input">Extent of the source.</param>
/// <param name="Output">Extent of the destination.</param>
/// <param name="Kernel">Taps of the window.</param>
/// <param name="Stride">Step of the window.</param>
/// <param name="Dilation">Distance of neighbouring taps; 1 = dense.</param>
/// <param name="Padding">Padding before the first element.</param>
public readonly record struct ConvolutionAxis(int Input, int Output, int Kernel, int Stride, int Dilation, int Padding)
{
    /// <summary>Extent of the dilated window.</summary>
    public int Window => ((Kernel - 1) * Dilation) + 1;

    /// <summary>Padding after the last element; negative where the last elements of the source are not read.</summary>
    public int PaddingAfter => ((Output - 1) * Stride) + Window - Input - Padding;

    /// <summary>Taps that fall inside the source, over all outputs.</summary>
    public long InnerTaps
    {
        get
        {
            long taps = 0;
            for (int o = 0; o < Output; o++)
            {
                for (int k = 0; k < Kernel; k++)
                    taps += (uint)((o * Stride) - Padding + (k * Dilation)) < (uint)Input ? 1 : 0;
            }

            return taps;
        }
    }
}

/// <summary>The shapes of a convolution over one to three spatial dimensions.</summary>
public sealed record ConvolutionProblem : ProblemShape
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Convolution;

    /// <summary>Number of groups.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>Number of images.</summary>
    public int Batch { get; init; } = ProblemText.DefaultBatch;

    /// <summary>Source channels of all groups.</summary>
    public required int InputChannels { get; init; }

    /// <summary>Destination channels of all groups.</summary>
    public required int OutputChannels { get; init; }

    /// <summary>Spatial extents of the source: depth, height, width, or only the last of them.</summary>
    public required Shape Input { get; init; }

    /// <summary>Spatial extents of the destination.</summary>
    public required Shape Output { get; init; }

    /// <summary>Taps of the window.</summary>
    public required Shape Kernel { get; init; }

    /// <summary>Steps of the window.</summary>
    public required Shape Strides { get; init; }

    /// <summary>Distances of neighbouring taps; 1 = dense.</summary>
    public required Shape Dilations { get; init; }

    /// <summary>Padding before the first element.</summary>
    public required Shape Padding { get; init; }

    /// <summary>Number of spatial dimensions.</summary>
    public int SpatialRank => Input.Count;

    /// <inheritdoc/>
    public override long MultiplyAccumulates => (long)Batch * OutputChannels * (InputChannels / Groups)
        * Axes.Aggregate(1L, (product, axis) => product * axis.InnerTaps);

    private IEnumerable<ConvolutionAxis> Axes => Enumerable.Range(0, SpatialRank).Select(Axis);

    /// <summary>Spatial dimension <paramref name="index"/>.</summary>
    public ConvolutionAxis Axis(int index) =>
        new(Input[index], Output[index], Kernel[index], Strides[index], Dilations[index], Padding[index]);

    /// <inheritdoc/>
    public override ConvolutionDescriptor ToDescriptor(OperandTypes types, bool bias) => new()
    {
        Source = ChannelsLast([Batch, InputChannels, .. Input], types.Source),
        Weights = MemoryDescriptor.Any([OutputChannels, InputChannels / Groups, .. Kernel], types.Weights),
        Bias = bias ? new MemoryDescriptor([OutputChannels], DataType.Float32) : null,
        Destination = ChannelsLast([Batch, OutputChannels, .. Output], types.Destination),
        Strides = Strides,
        Dilations = Dilations,
        PaddingBefore = Padding,
        PaddingAfter = [.. Axes.Select(axis => Math.Max(0, axis.PaddingAfter))],
        Groups = Groups,
    };

    /// <inheritdoc/>
    public override string ShapeText() =>
        (Groups > 1 ? FormattableString.Invariant($"g{Groups}") : "")
        + ProblemWriter.WindowText([Batch, InputChannels, .. Input], OutputChannels, [.. Axes]);
}
