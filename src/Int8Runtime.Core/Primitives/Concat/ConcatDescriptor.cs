// Concatenation along one axis.
using System.Collections.Immutable;
using System.Globalization;

namespace Int8Runtime;

/// <summary>
/// Puts tensors side by side along an axis. Each source may have a type, scale and zero point of its own; the destination's are
/// those of the attributes. Elements of a source that agrees with the destination in all three are copied as they are, others
/// are dequantized and quantized.
/// </summary>
public sealed record ConcatDescriptor : PrimitiveDescriptor, IManySourcesDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Concat;

    /// <summary>The tensors in order; source i is argument <see cref="ArgumentSlot.PostOp0"/> + i.</summary>
    public required ImmutableArray<MemoryDescriptor> Sources { get; init; }

    /// <summary>The scale of each source; ones if not set.</summary>
    public ImmutableArray<float> Scales { get; init; } = [];

    /// <summary>The zero point of each source; zeros if not set.</summary>
    public ImmutableArray<int> ZeroPoints { get; init; } = [];

    /// <summary>The destination.</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>The dimension along which the tensors are joined.</summary>
    public required int Axis { get; init; }

    /// <summary>The scale of source <paramref name="index"/>.</summary>
    public float Scale(int index) => Scales.IsDefaultOrEmpty ? 1 : Scales[index];

    /// <summary>The zero point of source <paramref name="index"/>.</summary>
    public int ZeroPoint(int index) => ZeroPoints.IsDefaultOrEmpty ? 0 : ZeroPoints[index];

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Sources.Length is >= 1 and <= PostOp.MaximumChainLength, $"takes 1 to {PostOp.MaximumChainLength} sources.");
        Require(Scales.IsDefaultOrEmpty || Scales.Length == Sources.Length, $"{Scales.Length} scales given for {Sources.Length} sources.");
        Require(ZeroPoints.IsDefaultOrEmpty || ZeroPoints.Length == Sources.Length, $"{ZeroPoints.Length} zero points given for {Sources.Length} sources.");
        Require(Axis >= 0 && Axis < Destination.Rank, $"axis {Axis} is outside the {Destination.Rank} dimensions.");
        long sum = 0;
        for (int i = 0; i < Sources.Length; i++)
        {
            MemoryDescriptor source = Sources[i];
            Require(source.Rank == Destination.Rank, $"source {source} does not fit {Destination}.");
            for (int d = 0; d < source.Rank; d++)
                Require(d == Axis || source.Dimensions[d] == Destination.Dimensions[d], $"source {source.Dimensions} does not fit {Destination.Dimensions}.");
            Require(float.IsFinite(Scale(i)) && Scale(i) > 0, $"the scale {Scale(i)} of source {i} is not positive and finite.");
            RequireZeroPoint(ZeroPoint(i), source.DataType, $"source {i}");
            sum += source.Dimensions[Axis];
        }

        Require(sum == Destination.Dimensions[Axis], $"the sources fill {sum} of {Destination.Dimensions[Axis]} along axis {Axis}.");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        Require(attributes.PostOps.Count == 0, "takes no post-ops.");
        Require(attributes.SourceScale is null && attributes.SourceZeroPoint is null, "takes scales and zero points of its sources in the descriptor.");
    }

    /// <summary>Whether elements of a source are copied as bits.</summary>
    internal bool Copies(int index, PrimitiveAttributes attributes) => Sources[index].DataType == Destination.DataType
        && attributes.DestinationScale is not { IsRuntime: true } && attributes.DestinationZeroPoint is not { IsRuntime: true }
        && Scale(index) == (attributes.DestinationScale?.At(0) ?? 1f) && ZeroPoint(index) == (attributes.DestinationZeroPoint?.At(0) ?? 0);

    /// <inheritdoc/>
    public bool Equals(ConcatDescriptor? other) => other is not null && Axis == other.Axis
        && Destination.Equals(other.Destination) && Sources.AsSpan().SequenceEqual(other.Sources.AsSpan())
        && Scales.AsSpan().SequenceEqual(other.Scales.AsSpan()) && ZeroPoints.AsSpan().SequenceEqual(other.ZeroPoints.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Axis, Destination, Sources.Length);

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("concat");
        writer.Types("sdt", Sources.AsSpan());
        writer.Types("ddt", Destination);
        writer.Layouts("stag", Sources.AsSpan());
        writer.Layouts("dtag", Destination);
        if (Destination.IsAny && !Sources[0].IsAny)
            writer.Differ("layout of the destination");
        writer.Option("axis", Axis);
        for (int i = 0; i < Sources.Length; i++)
        {
            if (Scale(i) != 1)
                writer.Scales.Add(string.Create(CultureInfo.InvariantCulture, $"msrc{i}:common:") + ProblemWriter.Number(Scale(i)));
            if (ZeroPoint(i) != 0)
                writer.ZeroPoints.Add(string.Create(CultureInfo.InvariantCulture, $"msrc{i}:common:{ZeroPoint(i)}"));
        }
        
        writer.Shape(string.Join(':', Sources.Select(s => s.Dimensions.ToString())), Sources.AsSpan());
    }
}
