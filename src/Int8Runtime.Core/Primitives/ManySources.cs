// What primitives with any number of sources have in common.
using System.Collections.Immutable;

namespace Int8Runtime;

/// <summary>A primitive that reads any number of tensors and writes one.</summary>
internal interface IManySourcesDescriptor
{
    /// <summary>The tensors read, in order.</summary>
    ImmutableArray<MemoryDescriptor> Sources { get; }

    /// <summary>The tensor written.</summary>
    MemoryDescriptor Destination { get; }
}

/// <summary>Memory of a concatenation or sum.</summary>
/// <param name="Sources">The sources in order.</param>
/// <param name="Destination">The destination; may be the memory of the first source of a sum.</param>
public readonly record struct ManySourcesArguments(ImmutableArray<TensorMemory> Sources, TensorMemory Destination) : IPrimitiveArguments
{
    /// <inheritdoc/>
    public void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments)
    {
        if (descriptor is not IManySourcesDescriptor expected)
            throw new ArgumentException($"A {descriptor?.Kind} primitive does not take a list of sources.");
        if (Sources.Length != expected.Sources.Length)
            throw new ArgumentException($"The primitive takes {expected.Sources.Length} sources, not {Sources.Length}.");
        for (int i = 0; i < Sources.Length; i++)
            ArgumentBinding.Bind(ref arguments, ArgumentSlot.PostOp0 + i, Sources[i], expected.Sources[i]);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Destination, Destination, expected.Destination);
    }
}
