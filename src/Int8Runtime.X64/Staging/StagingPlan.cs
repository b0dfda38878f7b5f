// A plan between copies of its tensors.
namespace Int8Runtime.X64;

/// <summary>A tensor that an inner plan sees as a copy in scratch memory.</summary>
/// <param name="Slot">Its place in the argument table.</param>
/// <param name="Bytes">Size of the copy.</param>
/// <param name="Before">Fills the copy before the inner plan runs; null if its content does not matter.</param>
/// <param name="After">Brings the copy back; null if it is only read.</param>
internal sealed record StagedTensor(ArgumentSlot Slot, long Bytes, CopyPlan? Before, CopyPlan? After);

/// <summary>Copies in, runs the inner plan, copies out. Scratch: [the copies in their order][scratch of the inner plan].</summary>
/// <param name="name">Name as in reports.</param>
/// <param name="descriptor">The operation as the caller sees it.</param>
/// <param name="inner">The plan that sees the copies.</param>
/// <param name="tensors">What is copied.</param>
internal sealed unsafe class StagingPlan(
    string name, PrimitiveDescriptor descriptor, PrimitivePlan inner, IReadOnlyList<StagedTensor> tensors) : PrimitivePlan
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor => descriptor;

    /// <inheritdoc/>
    public override long ScratchBytes => inner.ScratchBytes + tensors.Sum(tensor => ScratchLayout.RoundUp(tensor.Bytes));

    /// <inheritdoc/>
    public override long SizeInBytes => 1024 + inner.SizeInBytes;

    /// <inheritdoc/>
    public override string Details =>
        $"copies {string.Join(", ", tensors.Select(tensor => tensor.Slot.ToString()))}; {inner.Details}";

    /// <inheritdoc/>
    public override PrimitiveAttributes Resolve(PrimitiveAttributes asked) => inner.Resolve(asked);

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        ExecutionArguments arguments = context.Arguments;
        byte* scratch = context.Scratch;
        foreach (StagedTensor tensor in tensors)
        {
            tensor.Before?.Execute(in context, (byte*)context.Arguments[tensor.Slot], scratch);
            arguments[tensor.Slot] = scratch;
            scratch += ScratchLayout.RoundUp(tensor.Bytes);
        }

        inner.Execute(new ExecutionContext(in arguments, context.Pool, context.Threads, scratch));
        foreach (StagedTensor tensor in tensors)
        {
            if (tensor.After is null)
                continue;
            var destination = (byte*)context.Arguments[tensor.Slot];
            tensor.After.ClearPadding(destination);
            tensor.After.Execute(in context, (byte*)arguments[tensor.Slot], destination);
        }
    }
}
