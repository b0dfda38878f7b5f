// Normative unary element-wise function.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>dst = quantize(postOps(f(scale_src·(src − zp_src))))</c> for each element; f by <see cref="EltwiseMath"/>. Source and
/// destination may be the same memory.
/// </summary>
internal sealed unsafe class RefEltwise() : RefImplementation<EltwiseDescriptor>(PrimitiveKind.Eltwise, "ref_eltwise:any")
{
    /// <inheritdoc/>
    protected override EltwiseDescriptor Resolve(EltwiseDescriptor descriptor) =>
        descriptor with { Source = Plain(descriptor.Source), Destination = Plain(descriptor.Destination) };

    /// <inheritdoc/>
    protected override Rejection? Refuse(EltwiseDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Destination);

    /// <inheritdoc/>
    protected override void Execute(EltwiseDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        float scale = RefEpilogue.SourceScale(attributes, in arguments);
        int zeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments);
        Epilogue epilogue = Epilogue.CreateForValues(
            attributes, destination.DataType, RefEpilogue.ReadRuntime(attributes, in arguments));
        Span<int> index = stackalloc int[destination.Rank];
        index.Clear();
        if (destination.ElementCount > 0)
        {
            do
            {
                float x = ScalarAccess.LoadReal(
                    arguments[ArgumentSlot.Source], source.DataType, source.OffsetOf(index), scale, zeroPoint);
                float y = EltwiseMath.Evaluate(descriptor.Algorithm, x, descriptor.Alpha, descriptor.Beta);
                RefEpilogue.FinishValue(epilogue, y, in arguments, destination, index);
            }
            while (Outputs.Next(index, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }
}
