// Local response normalization across channels.
namespace Int8Runtime;

/// <summary>
/// Local response normalization across channels (Krizhevsky et al., 2012, section 3.3):
/// <c>y = x / (k + α/size · Σ x²)^β</c>, the sum over the <see cref="LocalSize"/> channels around the element.
/// </summary>
public sealed record LrnDescriptor : PrimitiveDescriptor, IUnaryDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Lrn;

    /// <summary>The source, [N, C, …].</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The destination, [N, C, …].</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>Number of channels summed: from c − ⌊(size − 1)/2⌋ to c + ⌈(size − 1)/2⌉.</summary>
    public required int LocalSize { get; init; }

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
        Require(Source.Rank >= 2 && Source.Dimensions == Destination.Dimensions, $"source {Source.Dimensions} and destination {Destination.Dimensions} differ or lack channels.");
        Require(LocalSize >= 1, "the local size is at least 1.");
        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    public override string ToProblemText() => FormattableString.Invariant(
        $"--lrn --alg=ACROSS --dt={Source.DataType.ToShortName()} {Source.Dimensions} ls{LocalSize}alpha{Alpha}beta{Beta}k{K}");
}
