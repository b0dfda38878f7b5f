// Concatenation along one axis.
using System.Collections.Immutable;

namespace Int8Runtime;

/// <summary>Puts tensors of one type side by side along an axis. Tensors that need another scale are reordered instead.</summary>
public sealed record ConcatDescriptor : PrimitiveDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Concat;

    /// <summary>The tensors in order; source i is argument <see cref="ArgumentSlot.PostOp0"/> + i.</summary>
    public required ImmutableArray<MemoryDescriptor> Sources { get; init; }

    /// <summary>The destination.</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>The dimension along which the tensors are joined.</summary>
    public required int Axis { get; init; }

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Sources.Length is >= 1 and <= PostOp.MaximumChainLength, $"takes 1 to {PostOp.MaximumChainLength} sources.");
        Require(Axis >= 0 && Axis < Destination.Rank, $"axis {Axis} is outside the {Destination.Rank} dimensions.");
        long sum = 0;
        foreach (MemoryDescriptor source in Sources)
        {
            Require(source.Rank == Destination.Rank && source.DataType == Destination.DataType, $"source {source} does not fit {Destination}.");
            for (int d = 0; d < source.Rank; d++)
                Require(d == Axis || source.Dimensions[d] == Destination.Dimensions[d], $"source {source.Dimensions} does not fit {Destination.Dimensions}.");
            sum += source.Dimensions[Axis];
        }

        Require(sum == Destination.Dimensions[Axis], $"the sources fill {sum} of {Destination.Dimensions[Axis]} along axis {Axis}.");
        Require(attributes.PostOps.Count == 0, "takes no post-ops.");
    }

    /// <inheritdoc/>
    public bool Equals(ConcatDescriptor? other) => other is not null && Axis == other.Axis
        && Destination.Equals(other.Destination) && Sources.AsSpan().SequenceEqual(other.Sources.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Axis, Destination, Sources.Length);

    /// <inheritdoc/>
    public override string ToProblemText() =>
        $"--concat --sdt={Destination.DataType.ToShortName()} --axis={Axis} {string.Join(':', Sources.Select(s => s.Dimensions.ToString()))}";
}
