// Batch normalization: one mean and variance for each channel.
namespace Int8Runtime;

/// <summary>
/// Normalizes each channel (dimension 1) over all other dimensions. Inference takes the statistics that training left behind
/// (<see cref="NormalizationStatistics.Given"/>); scale and shift have one element for each channel.
/// </summary>
public sealed record BatchNormalizationDescriptor : NormalizationDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.BatchNormalization;

    /// <inheritdoc/>
    internal override Shape ParameterShape => [Source.Dimensions[1]];

    /// <inheritdoc/>
    internal override Shape StatisticsShape => [Source.Dimensions[1]];

    /// <inheritdoc/>
    internal override int SetOf(ReadOnlySpan<int> index) => index[1];

    /// <inheritdoc/>
    internal override int ParameterOf(ReadOnlySpan<int> index) => index[1];

    /// <inheritdoc/>
    private protected override void ValidateSets() =>
        Require(Source.Rank is >= 2 and <= 5, $"the source has {Source.Rank} dimensions and needs 2 to 5.");

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("bnorm");
        WriteTensors(writer);
        writer.Image(Source, "");
    }
}
