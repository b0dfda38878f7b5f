// Layer normalization over the last dimensions.
namespace Int8Runtime;

/// <summary>Normalizes over the dimensions from <see cref="Axis"/> on; scale and shift have one element for each place in them.</summary>
public sealed record LayerNormalizationDescriptor : NormalizationDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.LayerNormalization;

    /// <summary>The first dimension of a set.</summary>
    public required int Axis { get; init; }

    /// <inheritdoc/>
    internal override Shape ParameterShape => Source.Dimensions.Slice(Axis, Source.Rank - Axis);

    /// <inheritdoc/>
    internal override Shape StatisticsShape => Source.Dimensions.Slice(0, Axis);

    /// <inheritdoc/>
    internal override int SetOf(ReadOnlySpan<int> index) => Place(index, 0, Axis);

    /// <inheritdoc/>
    internal override int ParameterOf(ReadOnlySpan<int> index) => Place(index, Axis, Source.Rank);

    /// <inheritdoc/>
    private protected override void ValidateSets() =>
        Require(Axis >= 0 && Axis < Source.Rank, $"axis {Axis} is outside the {Source.Rank} dimensions.");

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("lnorm", Source.Rank - 1);
        WriteTensors(writer);
        if (Mean is not null)
            writer.Option("stat_tag", StatisticsShape.Rank < 2 ? LayoutNotation.Any : LayoutNotation.TagOf(Mean) ?? LayoutNotation.Any);
        writer.Option("axis", Axis);
        writer.Shape($"{Source.Dimensions}", Source);
    }

    // Row-major place among the dimensions [first, end).
    private int Place(ReadOnlySpan<int> index, int first, int end)
    {
        int place = 0;
        for (int d = first; d < end; d++)
            place = (place * Source.Dimensions[d]) + index[d];
        return place;
    }
}
