// Normative selection between two tensors.
namespace Int8Runtime.Reference;

/// <summary><c>dst = quantize(postOps(condition ≠ 0 ? s₀·(src₀ − zp₀) : s₁·(src₁ − zp₁)))</c>; extents of 1 are broadcast.</summary>
internal sealed unsafe class RefSelect() : RefImplementation<SelectDescriptor>(PrimitiveKind.Select, "ref_select:any")
{
    /// <inheritdoc/>
    protected override SelectDescriptor Resolve(SelectDescriptor descriptor) => descriptor with
    {
        Source = Plain(descriptor.Source), Source1 = Plain(descriptor.Source1), Condition = Plain(descriptor.Condition),
        Destination = Plain(descriptor.Destination),
    };

    /// <inheritdoc/>
    protected override Rejection? Refuse(SelectDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Source1, descriptor.Condition, descriptor.Destination);

    /// <inheritdoc/>
    protected override void Execute(SelectDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor destination = descriptor.Destination;
        float scale0 = RefEpilogue.SourceScale(attributes, in arguments);
        float scale1 = RefEpilogue.Source1Scale(attributes, in arguments);
        int zeroPoint0 = RefEpilogue.SourceZeroPoint(attributes, in arguments);
        int zeroPoint1 = RefEpilogue.Source1ZeroPoint(attributes, in arguments);
        Epilogue epilogue = Epilogue.CreateForValues(
            attributes, destination.DataType, RefEpilogue.ReadRuntime(attributes, in arguments));
        Span<int> index = stackalloc int[destination.Rank];
        Span<int> operand = stackalloc int[destination.Rank];
        index.Clear();
        if (destination.ElementCount > 0)
        {
            do
            {
                long place = OffsetOf(descriptor.Condition, index, operand);
                bool holds = ScalarAccess.LoadInteger(arguments[ArgumentSlot.Condition], descriptor.Condition.DataType, place) != 0;
                MemoryDescriptor chosen = holds ? descriptor.Source : descriptor.Source1;
                float value = ScalarAccess.LoadReal(
                    arguments[holds ? ArgumentSlot.Source : ArgumentSlot.Source1], chosen.DataType, OffsetOf(chosen, index, operand),
                    holds ? scale0 : scale1, holds ? zeroPoint0 : zeroPoint1);
                RefEpilogue.FinishValue(epilogue, value, in arguments, destination, index);
            }
            while (Outputs.Next(index, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }

    private static long OffsetOf(MemoryDescriptor descriptor, ReadOnlySpan<int> index, Span<int> operand)
    {
        for (int d = 0; d < index.Length; d++)
            operand[d] = descriptor.Dimensions[d] == 1 ? 0 : index[d];
        return descriptor.OffsetOf(operand);
    }
}
