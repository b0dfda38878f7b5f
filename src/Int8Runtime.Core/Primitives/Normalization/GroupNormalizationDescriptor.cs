// Group normalization: one mean and variance for each image and group of channels.
using System.Globalization;

namespace Int8Runtime;

/// <summary>
/// Normalizes each group of neighbouring channels (dimension 1) of each image over the group's channels and all spatial
/// dimensions. With as many groups as channels this is instance normalization. Scale and shift have one element for each
/// channel.
/// </summary>
public sealed record GroupNormalizationDescriptor : NormalizationDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.GroupNormalization;

    /// <summary>Number of groups, a divisor of the channels.</summary>
    public required int Groups { get; init; }

    /// <inheritdoc/>
    internal override Shape ParameterShape => [Source.Dimensions[1]];

    /// <inheritdoc/>
    internal override Shape StatisticsShape => [Source.Dimensions[0], Groups];

    /// <summary>Channels of a group.</summary>
    internal int GroupSize => Source.Dimensions[1] / Groups;

    /// <inheritdoc/>
    internal override int SetOf(ReadOnlySpan<int> index) => (index[0] * Groups) + (index[1] / GroupSize);

    /// <inheritdoc/>
    internal override int ParameterOf(ReadOnlySpan<int> index) => index[1];

    /// <inheritdoc/>
    private protected override void ValidateSets()
    {
        Require(Source.Rank is >= 2 and <= 5, $"the source has {Source.Rank} dimensions and needs 2 to 5.");
        Require(Groups >= 1 && Source.Dimensions[1] % Groups == 0, $"{Source.Dimensions[1]} channels do not fall into {Groups} groups.");
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("gnorm");
        WriteTensors(writer);
        writer.Image(Source, string.Create(CultureInfo.InvariantCulture, $"g{Groups}"));
    }
}
