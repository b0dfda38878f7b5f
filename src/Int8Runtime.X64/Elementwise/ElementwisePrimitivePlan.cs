// A primitive that is nothing but an element-wise computation.
namespace Int8Runtime.X64;

/// <summary>Wraps an <see cref="ElementwisePlan"/>.</summary>
/// <param name="name">Name for reports.</param>
/// <param name="descriptor">The problem with every layout resolved.</param>
/// <param name="plan">The computation.</param>
/// <param name="threads">Threads of an execution at most.</param>
/// <param name="source">The argument that is the plan's source.</param>
internal sealed class ElementwisePrimitivePlan(
    string name, PrimitiveDescriptor descriptor, ElementwisePlan plan, int threads, ArgumentSlot source = ArgumentSlot.Source)
    : PrimitivePlan
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor => descriptor;

    /// <inheritdoc/>
    public override string Details => plan.Details;

    /// <inheritdoc/>
    public override long SizeInBytes => plan.SizeInBytes;

    /// <inheritdoc/>
    public override long ScratchBytes => plan.ScratchBytes(threads);

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context) => plan.Execute(in context, source);
}
