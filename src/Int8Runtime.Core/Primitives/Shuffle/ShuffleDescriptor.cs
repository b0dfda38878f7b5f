// Channel shuffle: one dimension as a matrix that is transposed.
namespace Int8Runtime;

/// <summary>
/// Takes the C indices of an axis as a row-major matrix of C / <see cref="GroupSize"/> rows and transposes it: destination index
/// <c>u + v·C/G</c> is source index <c>u·G + v</c>. The shuffle of ShuffleNet with g groups has G = C / g.
/// </summary>
public sealed record ShuffleDescriptor : PrimitiveDescriptor, IUnaryDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Shuffle;

    /// <summary>The source, of any shape.</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The destination, of the source's shape and type.</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>The dimension that is shuffled.</summary>
    public required int Axis { get; init; }

    /// <summary>Columns of the matrix; a divisor of the axis' extent.</summary>
    public required int GroupSize { get; init; }

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Source.Dimensions == Destination.Dimensions && Source.DataType == Destination.DataType,
            $"source {Source} and destination {Destination} differ.");
        Require(Axis >= 0 && Axis < Source.Rank, $"axis {Axis} is outside the {Source.Rank} dimensions.");
        Require(GroupSize >= 1 && Source.Dimensions[Axis] % GroupSize == 0,
            $"{Source.Dimensions[Axis]} indices are no multiple of the group size {GroupSize}.");
        Require(attributes.Equals(PrimitiveAttributes.Default), "takes no attributes.");
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("shuffle");
        writer.Types("dt", Source);
        writer.Layouts("tag", Source, Destination);
        writer.Option("axis", Axis);
        writer.Option("group", GroupSize);
        writer.Shape($"{Source.Dimensions}", Source);
    }
}
