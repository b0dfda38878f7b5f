// How the tensors of a normalization fall apart into sets.
namespace Int8Runtime.X64;

/// <summary>
/// The tensors of a normalization with equal ranks, and which dimensions run inside of a set. Group normalization divides the channels into
/// groups and channels of a group.
/// </summary>
/// <param name="InSet">For each dimension whether it runs inside of a set.</param>
/// <param name="Source">The source.</param>
/// <param name="Destination">The destination.</param>
/// <param name="Parameters">Scale or shift, with extents of 1 where it is broadcast.</param>
/// <param name="Statistics">A mean or variance, with extents of 1 inside of a set.</param>
internal sealed record NormalizationSets(
    bool[] InSet, MemoryDescriptor Source, MemoryDescriptor Destination, MemoryDescriptor Parameters, MemoryDescriptor Statistics)
{
    /// <summary>The sets of a problem; null where a group of blocked channels has no strides.</summary>
    public static NormalizationSets? Of(NormalizationDescriptor descriptor)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        MemoryDescriptor statistics = descriptor.Mean ?? new MemoryDescriptor(descriptor.StatisticsShape, DataType.Float32);
        int rank = source.Rank;
        switch (descriptor)
        {
            case LayerNormalizationDescriptor layer:
                return new NormalizationSets(
                    [.. Enumerable.Range(0, rank).Select(d => d >= layer.Axis)], source, destination, ParametersOf(descriptor),
                    Spread(statistics, rank, d => d < layer.Axis ? d : -1));
            case GroupNormalizationDescriptor group:
                if (!source.InnerBlocks.IsEmpty || !destination.InnerBlocks.IsEmpty)
                    return null;
                var dense = new MemoryDescriptor([1, .. descriptor.ParameterShape, .. Shape.Filled(rank - 2, 1)], TypeOf(descriptor));
                return new NormalizationSets(
                    [.. Enumerable.Range(0, rank + 1).Select(d => d >= 2)], Divide(source, group.Groups), Divide(destination, group.Groups),
                    Divide(dense, group.Groups), Spread(statistics, rank + 1, d => d < 2 ? d : -1));
            default:
                return new NormalizationSets(
                    [.. Enumerable.Range(0, rank).Select(d => d != 1)], source, destination, ParametersOf(descriptor),
                    Spread(statistics, rank, d => d == 1 ? 0 : -1));
        }
    }

    /// <summary>Scale or shift with the source's rank.</summary>
    public static MemoryDescriptor ParametersOf(NormalizationDescriptor descriptor)
    {
        int rank = descriptor.Source.Rank;
        Shape extents = descriptor is LayerNormalizationDescriptor layer
            ? [.. Shape.Filled(layer.Axis, 1), .. descriptor.ParameterShape]
            : [1, .. descriptor.ParameterShape, .. Shape.Filled(rank - 2, 1)];
        return new MemoryDescriptor(extents, TypeOf(descriptor));
    }

    /// <summary>Element type of scale and shift.</summary>
    public static DataType TypeOf(NormalizationDescriptor descriptor) =>
        (descriptor.Scale ?? descriptor.Shift)?.DataType ?? DataType.Float32;

    // Gives a tensor more dimensions: the old one that a new one shows, or none.
    private static MemoryDescriptor Spread(MemoryDescriptor tensor, int rank, Func<int, int> oldOf)
    {
        var extents = new int[rank];
        var strides = new long[rank];
        for (int d = 0; d < rank; d++)
        {
            int old = oldOf(d);
            (extents[d], strides[d]) = old < 0 ? (1, 1) : (tensor.Dimensions[old], tensor.Strides[old]);
        }

        return MemoryDescriptor.Strided(extents, tensor.DataType, strides, tensor.Offset);
    }

    // [N, C, …] as [N, groups, C / groups, …].
    private static MemoryDescriptor Divide(MemoryDescriptor tensor, int groups)
    {
        int size = tensor.Dimensions[1] / groups;
        return MemoryDescriptor.Strided(
            [tensor.Dimensions[0], groups, size, .. tensor.Dimensions.Skip(2)], tensor.DataType,
            [tensor.Strides[0], tensor.Strides[1] * size, tensor.Strides[1], .. tensor.Strides.Skip(2)], tensor.Offset);
    }
}
