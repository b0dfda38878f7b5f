// Normative binary element-wise function with broadcast.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>dst = quantize(postOps(f(s₀·(src₀ − zp₀), s₁·(src₁ − zp₁))))</c> for each element; an extent of 1 in a source is
/// broadcast. The destination may be the first source.
/// </summary>
internal sealed unsafe class RefBinary() : RefImplementation<BinaryDescriptor>(PrimitiveKind.Binary, "ref_binary:any")
{
    /// <inheritdoc/>
    protected override BinaryDescriptor Resolve(BinaryDescriptor descriptor) => descriptor with
    {
        Source = Plain(descriptor.Source), Source1 = Plain(descriptor.Source1), Destination = Plain(descriptor.Destination),
    };

    /// <inheritdoc/>
    protected override Rejection? Refuse(BinaryDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Source1, descriptor.Destination);

    /// <inheritdoc/>
    protected override void Execute(BinaryDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
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
                float x = Load(arguments[ArgumentSlot.Source], descriptor.Source, index, operand, scale0, zeroPoint0);
                float y = Load(arguments[ArgumentSlot.Source1], descriptor.Source1, index, operand, scale1, zeroPoint1);
                RefEpilogue.FinishValue(
                    epilogue, EltwiseMath.Evaluate(descriptor.Algorithm, x, y), in arguments, destination, index);
            }
            while (Outputs.Next(index, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }

    private static float Load(
        void* data, MemoryDescriptor descriptor, ReadOnlySpan<int> index, Span<int> operand, float scale, int zeroPoint)
    {
        for (int d = 0; d < index.Length; d++)
            operand[d] = descriptor.Dimensions[d] == 1 ? 0 : index[d];
        return ScalarAccess.LoadReal(data, descriptor.DataType, descriptor.OffsetOf(operand), scale, zeroPoint);
    }
}
