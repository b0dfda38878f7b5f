// Convolution: shapes, window and validation.
using System.Globalization;

namespace Int8Runtime;

/// <summary>
/// Convolution over one to three spatial dimensions. Source [N, C, …spatial], weights [O, C/groups, …kernel], bias [O],
/// destination [N, O, …spatial]. Output extent: <c>(I + before + after − ((K − 1)·dilation + 1)) / stride + 1</c>.
/// Padded elements hold the source's zero point.
/// </summary>
public sealed record ConvolutionDescriptor : PrimitiveDescriptor, IWeightedDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Convolution;

    /// <summary>The source, [N, C, …spatial].</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The weights, [O, C / <see cref="Groups"/>, …kernel].</summary>
    public required MemoryDescriptor Weights { get; init; }

    /// <summary>The bias, [O] in f32, unscaled; null for none.</summary>
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
    public long MultiplyAccumulates =>
        Destination.ElementCount * Weights.ElementCount / Math.Max(1, Weights.Dimensions[0]);

    /// <summary>Step of the window in spatial dimension <paramref name="axis"/>.</summary>
    public int Stride(int axis) => Strides.Count == 0 ? 1 : Strides[axis];

    /// <summary>Dilation in spatial dimension <paramref name="axis"/>.</summary>
    public int Dilation(int axis) => Dilations.Count == 0 ? 1 : Dilations[axis];

    /// <summary>Padding before spatial dimension <paramref name="axis"/>.</summary>
    public int Before(int axis) => PaddingBefore.Count == 0 ? 0 : PaddingBefore[axis];

    /// <summary>Padding after spatial dimension <paramref name="axis"/>.</summary>
    public int After(int axis) => PaddingAfter.Count == 0 ? 0 : PaddingAfter[axis];

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        int rank = SpatialRank;
        Require(rank is >= 1 and <= 3, $"the source needs one to three spatial dimensions, not {Source}.");
        Require(Weights.Rank == Source.Rank && Destination.Rank == Source.Rank, "source, weights and destination differ in rank.");
        foreach ((string name, Shape value) in new[]
                 {
                     (nameof(Strides), Strides), (nameof(Dilations), Dilations),
                     (nameof(PaddingBefore), PaddingBefore), (nameof(PaddingAfter), PaddingAfter),
                 })
            Require(value.Count == 0 || value.Count == rank, $"{name} has {value.Count} entries for {rank} spatial dimensions.");
        int channels = Source.Dimensions[1], outputs = Weights.Dimensions[0];
        Require(Groups >= 1 && channels % Groups == 0 && outputs % Groups == 0,
            $"{Groups} groups do not divide {channels} source and {outputs} output channels.");
        Require(Weights.Dimensions[1] == channels / Groups,
            $"the weights have {Weights.Dimensions[1]} input channels; {channels} channels in {Groups} groups need {channels / Groups}.");
        Require(Destination.Dimensions[0] == Source.Dimensions[0] && Destination.Dimensions[1] == outputs,
            $"the destination {Destination.Dimensions} needs batch {Source.Dimensions[0]} and {outputs} channels.");
        Require(Bias is null || (Bias.ElementCount == outputs && Bias.DataType == DataType.Float32),
            $"the bias needs {outputs} elements of f32.");
        for (int a = 0; a < rank; a++)
        {
            Require(Stride(a) >= 1 && Dilation(a) >= 1, "strides and dilations are at least 1.");
            int extent = Source.Dimensions[a + 2] + Before(a) + After(a);
            int window = ((Weights.Dimensions[a + 2] - 1) * Dilation(a)) + 1;
            int expected = extent < window ? 0 : ((extent - window) / Stride(a)) + 1;
            Require(Destination.Dimensions[a + 2] == expected,
                $"the destination has extent {Destination.Dimensions[a + 2]} in spatial dimension {a}; the window gives {expected}.");
        }

        RequireChannels(attributes.WeightsScale, attributes.WeightsZeroPoint, outputs, "weights");
        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.WeightsZeroPoint, Weights.DataType, "weights");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <summary>benchdnn's notation, for example <c>mb1ic64ih56oc256oh56kh1ph0</c>.</summary>
    public override string ToProblemText()
    {
        string text = (Groups > 1 ? FormattableString.Invariant($"g{Groups}") : "")
            + FormattableString.Invariant($"mb{Source.Dimensions[0]}ic{Source.Dimensions[1]}");
        string axes = "dhw"[(3 - SpatialRank)..];
        text += string.Concat(axes.Select((axis, i) => Part("i", axis, Source.Dimensions[i + 2])));
        text += "oc" + Destination.Dimensions[1].ToString(CultureInfo.InvariantCulture);
        text += string.Concat(axes.Select((axis, i) => Part("o", axis, Destination.Dimensions[i + 2])));
        text += string.Concat(axes.Select((axis, i) => Part("k", axis, Weights.Dimensions[i + 2])));
        text += string.Concat(axes.Select((axis, i) => Part("s", axis, Stride(i))));
        text += string.Concat(axes.Select((axis, i) => Part("d", axis, Dilation(i) - 1)));
        text += string.Concat(axes.Select((axis, i) => Part("p", axis, Before(i))));
        return $"--conv --dt={Source.DataType.ToShortName()}:{Weights.DataType.ToShortName()}:{Destination.DataType.ToShortName()} {text}";

        static string Part(string prefix, char axis, int value) => FormattableString.Invariant($"{prefix}{axis}{value}");
    }
}

/// <summary>Memory of a convolution.</summary>
/// <param name="Source">The source.</param>
/// <param name="Weights">The weights in the layout of <see cref="Primitive.Weights"/>.</param>
/// <param name="Bias">The bias, or null.</param>
/// <param name="Destination">The destination.</param>
public readonly record struct ConvolutionArguments(
    TensorMemory Source, TensorMemory Weights, TensorMemory? Bias, TensorMemory Destination) : IPrimitiveArguments
{
    /// <inheritdoc/>
    public void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments) =>
        WeightedArguments.Bind<ConvolutionDescriptor>(descriptor, ref arguments, Source, Weights, Bias, Destination);
}
