// Local response normalization, across channels or within each.
using System.Globalization;

namespace Int8Runtime;

/// <summary>Over which neighbours a local response normalization sums.</summary>
public enum LrnAlgorithm
{
    /// <summary>The same place in neighbouring channels.</summary>
    AcrossChannels,

    /// <summary>Neighbouring places in the same channel, in every spatial dimension.</summary>
    WithinChannel,
}

/// <summary>
/// Local response normalization (Krizhevsky et al., 2012, section 3.3): <c>y = x / (k + α/n · Σ x²)^β</c>, the sum over the
/// <see cref="LocalSize"/> neighbours around the element in each of the dimensions that it runs over; n is the number of those
/// neighbours, whether they exist or not.
/// </summary>
public sealed record LrnDescriptor : PrimitiveDescriptor, IUnaryDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Lrn;

    /// <summary>The neighbours.</summary>
    public LrnAlgorithm Algorithm { get; init; }

    /// <summary>The source, [N, C, …].</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The destination, [N, C, …].</summary>
    public required MemoryDescriptor Destination { get; init; }

    // Windows over three dimensions are counted by 64 bits.
    private const int LargestSize = 1 << 20;

    /// <summary>Number of neighbours in a dimension: from i − ⌊(size − 1)/2⌋ to i + ⌈(size − 1)/2⌉.</summary>
    public required int LocalSize { get; init; }

    /// <summary>Number of neighbours.</summary>
    internal long WindowSize =>
        Algorithm == LrnAlgorithm.AcrossChannels ? LocalSize : Shape.Filled(Source.Rank - 2, LocalSize).ElementCount;

    /// <summary>Factor of the sum.</summary>
    public float Alpha { get; init; } = 1e-4f;

    /// <summary>Exponent.</summary>
    public float Beta { get; init; } = 0.75f;

    /// <summary>Addend.</summary>
    public float K { get; init; } = 1f;

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Source.Rank >= 2 && Source.Dimensions == Destination.Dimensions,
            $"source {Source.Dimensions} and destination {Destination.Dimensions} differ or lack channels.");
        Require(LocalSize is >= 1 and <= LargestSize, $"the local size {LocalSize} is not between 1 and {LargestSize}.");
        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("lrn");
        writer.Types("dt", Source, Destination);
        writer.Layouts("tag", Source, Destination);
        writer.Option("alg", ProblemNames.Lrn[Algorithm]);
        string parameters = string.Create(CultureInfo.InvariantCulture, $"ls{LocalSize}")
            + $"alpha{ProblemWriter.Number(Alpha)}beta{ProblemWriter.Number(Beta)}k{ProblemWriter.Number(K)}";
        writer.Image(Source, parameters);
    }
}
