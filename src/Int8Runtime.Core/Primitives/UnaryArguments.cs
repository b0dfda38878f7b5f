// Memory of primitives that have one source and one destination.
namespace Int8Runtime;

/// <summary>A primitive that reads one tensor and writes one.</summary>
internal interface IUnaryDescriptor
{
    /// <summary>The tensor read.</summary>
    MemoryDescriptor Source { get; }

    /// <summary>The tensor written.</summary>
    MemoryDescriptor Destination { get; }
}

/// <summary>
/// Memory of a reorder, pooling, resampling, eltwise, softmax or LRN. Source and destination may be the same for eltwise and
/// softmax.
/// </summary>
/// <param name="Source">The source.</param>
/// <param name="Destination">The destination.</param>
public readonly record struct UnaryArguments(TensorMemory Source, TensorMemory Destination) : IPrimitiveArguments
{
    /// <inheritdoc/>
    public void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments)
    {
        if (descriptor is not IUnaryDescriptor expected)
            throw new ArgumentException($"A {descriptor?.Kind} primitive does not take one source and one destination.");
        if (descriptor is ReorderDescriptor { HasCompensations: true })
            throw new ArgumentException($"The reorder writes compensations; use {nameof(CompensatedReorderArguments)}.");
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Source, Source, expected.Source);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Destination, Destination, expected.Destination);
    }
}
