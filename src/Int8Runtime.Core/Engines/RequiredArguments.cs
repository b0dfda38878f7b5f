// Which entries of the argument table a primitive reads or writes.
using System.Numerics;
using Int8Runtime.Diagnostics;

namespace Int8Runtime;

/// <summary>
/// Refuses tables that lack an argument: kernels would read or write at address 0, which ends the process. What an address points to
/// cannot be checked here.
/// </summary>
internal static unsafe class RequiredArguments
{
    /// <summary>The entries that a primitive needs, one bit for each; never 0.</summary>
    public static ulong Of(PrimitiveDescriptor descriptor, PrimitiveAttributes attributes)
    {
        ulong slots = 0;
        Add(ArgumentSlot.Destination);
        foreach (TensorArgument input in PrimitiveTensors.Inputs(descriptor, attributes))
            Add(input.Slot);
        foreach (TensorArgument result in PrimitiveTensors.FurtherResults(descriptor))
            Add(result.Slot);
        if (PrimitiveTensors.Weights(descriptor) is not null)
            Add(ArgumentSlot.Weights);
        AddIf(attributes.SourceScale is { IsRuntime: true }, ArgumentSlot.SourceScale);
        AddIf(attributes.Source1Scale is { IsRuntime: true }, ArgumentSlot.Source1Scale);
        AddIf(attributes.WeightsScale is { IsRuntime: true }, ArgumentSlot.WeightsScale);
        AddIf(attributes.DestinationScale is { IsRuntime: true }, ArgumentSlot.DestinationScale);
        AddIf(attributes.SourceZeroPoint is { IsRuntime: true }, ArgumentSlot.SourceZeroPoint);
        AddIf(attributes.Source1ZeroPoint is { IsRuntime: true }, ArgumentSlot.Source1ZeroPoint);
        AddIf(attributes.WeightsZeroPoint is { IsRuntime: true }, ArgumentSlot.WeightsZeroPoint);
        AddIf(attributes.DestinationZeroPoint is { IsRuntime: true }, ArgumentSlot.DestinationZeroPoint);
        return slots;

        void Add(ArgumentSlot slot) => slots |= 1UL << (int)slot;

        void AddIf(bool condition, ArgumentSlot slot)
        {
            if (condition)
                Add(slot);
        }
    }

    /// <summary>Throws if an entry is empty.</summary>
    /// <param name="slots">The entries: <see cref="Of"/>.</param>
    /// <param name="arguments">The table.</param>
    /// <exception cref="ArgumentException">It is; the message names it.</exception>
    public static void Check(ulong slots, in ExecutionArguments arguments)
    {
        for (; slots != 0; slots &= slots - 1)
        {
            var slot = (ArgumentSlot)BitOperations.TrailingZeroCount(slots);
            if (arguments[slot] is null)
                throw new ArgumentException(
                    slot < ArgumentSlot.PostOp0
                        ? $"The primitive needs {slot}: put it into the table with {nameof(ExecutionArguments)}.{nameof(ExecutionArguments.Set)}."
                        : $"The primitive needs operand {slot - ArgumentSlot.PostOp0}: put it into the table with "
                            + $"{nameof(ExecutionArguments)}.{nameof(ExecutionArguments.SetPostOpOperand)}.",
                    nameof(arguments));
        }
    }
}
