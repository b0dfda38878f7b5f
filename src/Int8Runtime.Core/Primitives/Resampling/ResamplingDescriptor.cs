// Resampling: other spatial extents.
using System.Collections.Immutable;

namespace Int8Runtime;

/// <summary>How a value between source elements is found.</summary>
public enum ResamplingAlgorithm
{
    /// <summary>The nearest element.</summary>
    Nearest,

    /// <summary>Linear interpolation along every spatial dimension.</summary>
    Linear,
}

/// <summary>Which element counts as the nearest.</summary>
public enum ResamplingRounding
{
    /// <summary>The closest one, of two equally close ones the lower.</summary>
    HalfDown,

    /// <summary>The closest one, of two equally close ones the upper.</summary>
    HalfUp,

    /// <summary>The one at or below the coordinate.</summary>
    Down,

    /// <summary>The one at or above the coordinate.</summary>
    Up,
}

/// <summary>
/// Resamples one to three spatial dimensions: source and destination [N, C, …spatial]. Coordinates outside the source take
/// its border. Scale and zero point pass through to an integer destination unless the attributes give it others.
/// </summary>
public sealed record ResamplingDescriptor : PrimitiveDescriptor, IUnaryDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Resampling;

    /// <summary>How values are found.</summary>
    public required ResamplingAlgorithm Algorithm { get; init; }

    /// <summary>The source, [N, C, …spatial].</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The destination, [N, C, …spatial].</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>For <see cref="ResamplingAlgorithm.Nearest"/>: which element is the nearest.</summary>
    public ResamplingRounding Rounding { get; init; } = ResamplingRounding.HalfUp;

    /// <summary>One map for each spatial dimension; <see cref="CoordinateMap.HalfPixel"/> if not set.</summary>
    public ImmutableArray<CoordinateMap> Coordinates { get; init; } = [];

    /// <summary>Number of spatial dimensions.</summary>
    public int SpatialRank => Source.Rank - 2;

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(SpatialRank is >= 1 and <= 3 && Destination.Rank == Source.Rank,
            $"needs one to three spatial dimensions: {Source} → {Destination}.");
        Require(Source.Dimensions[0] == Destination.Dimensions[0] && Source.Dimensions[1] == Destination.Dimensions[1],
            "batch and channels stay the same.");
        Require(Coordinates.IsDefaultOrEmpty || Coordinates.Length == SpatialRank,
            $"{Coordinates.Length} coordinate maps given for {SpatialRank} dimensions.");
        for (int a = 0; a < SpatialRank; a++)
        {
            Require(Source.Dimensions[a + 2] > 0 || Destination.ElementCount == 0, "an empty source has no elements to take.");
            CoordinateMap map = MapOf(a);
            Require(double.IsFinite(map.At(0)) && double.IsFinite(map.At(Destination.Dimensions[a + 2])),
                $"{map} gives no finite coordinates.");
        }

        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    public bool Equals(ResamplingDescriptor? other) => other is not null && Algorithm == other.Algorithm && Rounding == other.Rounding
        && Source.Equals(other.Source) && Destination.Equals(other.Destination) && Maps.SequenceEqual(other.Maps);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Algorithm, Rounding, Source, Destination);

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("resampling");
        writer.Types("sdt", Source);
        writer.Types("ddt", Destination);
        writer.Layouts("tag", Source, Destination);
        writer.Option("alg", ProblemNames.Resampling[Algorithm]);
        if (Algorithm == ResamplingAlgorithm.Nearest && Rounding != ResamplingRounding.HalfUp)
            writer.Differ($"rounding ({Rounding} is asked for)");
        for (int a = 0; a < Maps.Length; a++)
        {
            if (Maps[a] != CoordinateMap.HalfPixel(Source.Dimensions[a + 2], Destination.Dimensions[a + 2]))
                writer.Differ($"coordinates ({Maps[a]} is asked for)");
        }
        
        writer.Image(Source, ProblemWriter.Fields('o', Destination.Dimensions.Skip(2)), Destination);
    }

    /// <summary>What element <paramref name="index"/> of spatial dimension <paramref name="axis"/> takes its value from.</summary>
    internal ResamplingTaps TapsOf(int axis, int index)
    {
        double position = MapOf(axis).At(index);
        int last = Source.Dimensions[axis + 2] - 1;
        if (Algorithm == ResamplingAlgorithm.Nearest)
        {
            double rounded = Rounding switch
            {
                ResamplingRounding.Down => Math.Floor(position),
                ResamplingRounding.Up => Math.Ceiling(position),
                ResamplingRounding.HalfDown => Math.Ceiling(position - 0.5),
                _ => Math.Floor(position + 0.5),
            };
            int nearest = (int)Math.Clamp(rounded, 0, last);
            return new ResamplingTaps(nearest, nearest, 0.5f, 0.5f);
        }

        // Equal elements have equal weights, so that an infinite element does not meet the weight 0.
        double floor = Math.Floor(position), fraction = position - floor;
        int first = (int)Math.Clamp(floor, 0, last), second = fraction == 0 ? first : (int)Math.Clamp(floor + 1, 0, last);
        return first == second
            ? new ResamplingTaps(first, first, 0.5f, 0.5f)
            : new ResamplingTaps(first, second, (float)(1 - fraction), (float)fraction);
    }

    private ReadOnlySpan<CoordinateMap> Maps => Coordinates.IsDefault ? [] : Coordinates.AsSpan();

    private CoordinateMap MapOf(int axis) => Coordinates.IsDefaultOrEmpty
        ? CoordinateMap.HalfPixel(Source.Dimensions[axis + 2], Destination.Dimensions[axis + 2])
        : Coordinates[axis];
}
