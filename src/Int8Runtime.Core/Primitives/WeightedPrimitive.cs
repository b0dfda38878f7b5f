// What primitives with weights have in common.
namespace Int8Runtime;

/// <summary>A primitive that multiplies a source with weights.</summary>
internal interface IWeightedDescriptor
{
    /// <summary>The activations.</summary>
    MemoryDescriptor Source { get; }

    /// <summary>The weights.</summary>
    MemoryDescriptor Weights { get; }

    /// <summary>The bias of each output channel; null for none.</summary>
    MemoryDescriptor? Bias { get; }

    /// <summary>The result.</summary>
    MemoryDescriptor Destination { get; }
}

/// <summary>Binds the memory of primitives with weights.</summary>
internal static class WeightedArguments
{
    /// <summary>Checks four tensors against a primitive and fills the table.</summary>
    /// <exception cref="ArgumentException">The primitive is of another kind, or a tensor does not have the expected descriptor.</exception>
    public static void Bind<TDescriptor>(
        PrimitiveDescriptor descriptor, ref ExecutionArguments arguments, TensorMemory source, TensorMemory weights,
        TensorMemory? bias, TensorMemory destination)
        where TDescriptor : PrimitiveDescriptor, IWeightedDescriptor
    {
        if (descriptor is not TDescriptor expected)
            throw new ArgumentException($"A {descriptor?.Kind} primitive takes other arguments than {typeof(TDescriptor).Name} describes.");
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Source, source, expected.Source);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Weights, weights, expected.Weights);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Bias, bias, expected.Bias);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Destination, destination, expected.Destination);
    }
}
