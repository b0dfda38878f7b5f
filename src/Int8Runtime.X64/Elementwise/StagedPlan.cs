// A primitive by way of an f32 tensor in a layout that its kernels like: element-wise in, another plan, element-wise out.
namespace Int8Runtime.X64;

/// <summary>
/// Three stages over scratch memory: <c>values = first(source)</c>, <c>results = middle(values)</c>, <c>destination =
/// last(results)</c>. The
/// last stage also reads the source, as its second one.
/// </summary>
/// <param name="name">Name of the implementation.</param>
/// <param name="descriptor">The problem.</param>
/// <param name="valueBytes">Size of the values, and of the results.</param>
/// <param name="first">The first stage.</param>
/// <param name="middle">The middle stage; null where the values are the results.</param>
/// <param name="last">The last stage.</param>
/// <param name="threads">Most threads of an execution.</param>
internal sealed unsafe class StagedPlan(
    string name, PrimitiveDescriptor descriptor, long valueBytes, ElementwisePlan first, PrimitivePlan? middle,
    ElementwisePlan last, int threads)
    : PrimitivePlan
{
    private readonly long _tensorBytes = ScratchLayout.RoundUp(valueBytes);

    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor => descriptor;

    /// <inheritdoc/>
    public override string Details => string.Join(", ", ((string?[])[first.Details, middle?.Details, last.Details]).OfType<string>());

    /// <inheritdoc/>
    public override long SizeInBytes => first.SizeInBytes + (middle?.SizeInBytes ?? 0) + last.SizeInBytes;

    /// <summary>Values, results, and behind them what the stages need themselves.</summary>
    public override long ScratchBytes =>
        (2 * _tensorBytes) + Math.Max(Math.Max(first.ScratchBytes(threads), last.ScratchBytes(threads)), middle?.ScratchBytes ?? 0);

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        byte* values = context.Scratch, results = middle is null ? values : values + _tensorBytes, rest = values + (2 * _tensorBytes);
        ExecutionArguments arguments = context.Arguments;
        arguments[ArgumentSlot.Destination] = values;
        first.Execute(new ExecutionContext(in arguments, context.Pool, context.Threads, rest));
        if (middle is not null)
        {
            arguments[ArgumentSlot.Source] = values;
            arguments[ArgumentSlot.Destination] = results;
            middle.Execute(new ExecutionContext(in arguments, context.Pool, context.Threads, rest));
        }

        ExecutionArguments final = context.Arguments;
        final[ArgumentSlot.Source1] = final[ArgumentSlot.Source];
        final[ArgumentSlot.Source] = results;
        last.Execute(new ExecutionContext(in final, context.Pool, context.Threads, rest));
    }
}
