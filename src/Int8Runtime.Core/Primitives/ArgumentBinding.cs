// Checks a tensor against what a primitive expects and puts it into the argument table.
namespace Int8Runtime;

internal static class ArgumentBinding
{
    /// <summary>Binds one tensor.</summary>
    /// <exception cref="ArgumentException">The tensor is missing, superfluous or has another descriptor.</exception>
    public static void Bind(ref ExecutionArguments arguments, ArgumentSlot slot, TensorMemory? memory, MemoryDescriptor? expected)
    {
        if (expected is null)
        {
            if (memory is not null)
                throw new ArgumentException($"The primitive takes no {slot}.");
            return;
        }

        if (memory is null)
            throw new ArgumentException($"The primitive needs {slot}: {expected}.");
        if (!memory.Descriptor.Equals(expected))
            throw new ArgumentException($"{slot} is {memory.Descriptor}; the primitive expects {expected}.");
        arguments.Set(slot, memory);
    }
}
