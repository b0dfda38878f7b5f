// Concatenation along one axis.
using System.Collections.Immutable;
using System.Globalization;

namespace Int8Runtime;

/// <summary>
/// Puts tensors side by side along an axis. Each source may have a type, scale and zero point of its own; the destination's are
/// those of the attributes. Elements of a source that agrees with the destination in all three are copied as they are, others
/// are dequantized and quantized.
/// </summary>
public sealed record ConcatDescriptor : ManySourcesDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Concat;

    /// <summary>The zero point of each source; zeros if not set.</summary>
    public ImmutableArray<int> ZeroPoints { get; init; } = [];

    /// <summary>The dimension along which the tensors are joined.</summary>
    public required int Axis { get; init; }

    /// <summary>The zero point of source <paramref name="index"/>.</summary>
    public int ZeroPoint(int index) => ZeroPoints.IsDefaultOrEmpty ? 0 : ZeroPoints[index];

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        base.Validate(attributes);
        if (!ZeroPoints.IsDefaultOrEmpty)
            Require(ZeroPoints.Length == Sources.Length, $"{ZeroPoints.Length} zero points given for {Sources.Length} sources.");
        Require(Axis >= 0 && Axis < Destination.Rank, $"axis {Axis} is outside the {Destination.Rank} dimensions.");
        long sum = 0;
        for (int i = 0; i < Sources.Length; i++)
        {
            MemoryDescriptor source = Sources[i];
            Require(source.Rank == Destination.Rank, $"source {source} does not fit {Destination}.");
            for (int d = 0; d < source.Rank; d++)
                Require(d == Axis || source.Dimensions[d] == Destination.Dimensions[d],
                    $"source {source.Dimensions} does not fit {Destination.Dimensions}.");
            Require(float.IsFinite(Scale(i)) && Scale(i) > 0, $"the scale {Scale(i)} of source {i} is not positive and finite.");
            RequireZeroPoint(ZeroPoint(i), source.DataType, $"source {i}");
            sum += source.Dimensions[Axis];
        }

        Require(sum == Destination.Dimensions[Axis], $"the sources fill {sum} of {Destination.Dimensions[Axis]} along axis {Axis}.");
    }

    /// <summary>Whether elements of a source are copied as bits.</summary>
    internal bool Copies(int index, PrimitiveAttributes attributes) => Sources[index].DataType == Destination.DataType
        && attributes.DestinationScale is not { IsRuntime: true } && attributes.DestinationZeroPoint is not { IsRuntime: true }
        && Scale(index) == (attributes.DestinationScale?.At(0) ?? 1f) && ZeroPoint(index) == (attributes.DestinationZeroPoint?.At(0) ?? 0);

    /// <inheritdoc/>
    public bool Equals(ConcatDescriptor? other) =>
        base.Equals(other) && Axis == other.Axis && ZeroPoints.AsSpan().SequenceEqual(other.ZeroPoints.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(base.GetHashCode(), Axis);

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        WriteTensors(writer, "concat");
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
