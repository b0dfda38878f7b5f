// The sum of any number of tensors.
using System.Collections.Immutable;

namespace Int8Runtime;

/// <summary>
/// <c>dst = Σ scaleᵢ·srcᵢ</c> for tensors of one shape and any types, in f32 in the order of the sources. The destination's scale and
/// zero point are those of the attributes.
/// </summary>
public sealed record SumDescriptor : PrimitiveDescriptor, IManySourcesDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Sum;

    /// <summary>The tensors in order; source i is argument <see cref="ArgumentSlot.PostOp0"/> + i.</summary>
    public required ImmutableArray<MemoryDescriptor> Sources { get; init; }

    /// <summary>The factor of each source; ones if not set.</summary>
    public ImmutableArray<float> Scales { get; init; } = [];

    /// <summary>The destination, of the sources' shape; may be the memory of the first source.</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>The factor of source <paramref name="index"/>.</summary>
    public float Scale(int index) => Scales.IsDefaultOrEmpty ? 1 : Scales[index];

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Sources.Length is >= 1 and <= PostOp.MaximumChainLength, $"takes 1 to {PostOp.MaximumChainLength} sources.");
        Require(Scales.IsDefaultOrEmpty || Scales.Length == Sources.Length, $"{Scales.Length} scales given for {Sources.Length} sources.");
        foreach (MemoryDescriptor source in Sources)
            Require(source.Dimensions == Destination.Dimensions, $"source {source.Dimensions} and destination {Destination.Dimensions} differ.");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        Require(attributes.PostOps.Count == 0, "takes no post-ops.");
        Require(attributes.SourceScale is null && attributes.SourceZeroPoint is null, "takes the factors of its sources as scales of the descriptor.");
    }

    /// <inheritdoc/>
    public bool Equals(SumDescriptor? other) => other is not null && Destination.Equals(other.Destination)
        && Sources.AsSpan().SequenceEqual(other.Sources.AsSpan()) && Scales.AsSpan().SequenceEqual(other.Scales.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Destination, Sources.Length);

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("sum");
        writer.Types("sdt", Sources.AsSpan());
        writer.Types("ddt", Destination);
        writer.Layouts("stag", Sources.AsSpan());
        writer.Layouts("dtag", Destination);
        if (Destination.IsAny && !Sources[0].IsAny)
            writer.Differ("layout of the destination");
        writer.Option("scales", string.Join(':', Enumerable.Range(0, Sources.Length).Select(i => ProblemWriter.Number(Scale(i)))));
        writer.Shape($"{Destination.Dimensions}", Destination);
    }
}
