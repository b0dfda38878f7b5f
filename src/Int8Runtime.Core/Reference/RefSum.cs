// Normative sum of tensors.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>v = scale₀·src₀</c>, then <c>v += scaleᵢ·srcᵢ</c> in order, each product and sum rounded to f32; <c>dst = quantize(v)</c>.
/// </summary>
internal sealed unsafe class RefSum() : RefImplementation<SumDescriptor>(PrimitiveKind.Sum, "ref_sum:any")
{
    /// <inheritdoc/>
    protected override SumDescriptor Resolve(SumDescriptor descriptor) =>
        descriptor with { Sources = [.. descriptor.Sources.Select(Plain)], Destination = Plain(descriptor.Destination) };

    /// <inheritdoc/>
    protected override Rejection? Refuse(SumDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands([.. descriptor.Sources, descriptor.Destination]);

    /// <inheritdoc/>
    protected override void Execute(SumDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor destination = descriptor.Destination;
        Epilogue epilogue = Epilogue.CreateForValues(
            attributes, destination.DataType, RefEpilogue.ReadRuntime(attributes, in arguments));
        Span<int> index = stackalloc int[destination.Rank];
        index.Clear();
        if (destination.ElementCount > 0)
        {
            do
            {
                float value = 0;
                for (int i = 0; i < descriptor.Sources.Length; i++)
                {
                    MemoryDescriptor source = descriptor.Sources[i];
                    float addend = ScalarAccess.LoadReal(
                        arguments[ArgumentSlot.PostOp0 + i], source.DataType, source.OffsetOf(index), descriptor.Scale(i), 0);
                    value = i == 0 ? addend : value + addend;
                }

                RefEpilogue.FinishValue(epilogue, value, in arguments, destination, index);
            }
            while (Outputs.Next(index, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }
}
