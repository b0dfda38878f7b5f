// What the normative element-wise functions of two tensors have in common.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>dst = quantize(postOps(f(s₀·(src₀ − zp₀), s₁·(src₁ − zp₁))))</c> for each element; an extent of 1 in a source is broadcast. The
/// destination may be the first source.
/// </summary>
internal abstract unsafe class RefTwoSources<TDescriptor>(PrimitiveKind kind, string name) : RefImplementation<TDescriptor>(kind, name)
    where TDescriptor : PrimitiveDescriptor
{
    /// <summary>The two sources and the destination.</summary>
    protected abstract (MemoryDescriptor Source, MemoryDescriptor Source1, MemoryDescriptor Destination) TensorsOf(TDescriptor descriptor);

    /// <summary>f at one index of the destination.</summary>
    protected abstract float Evaluate(TDescriptor descriptor, in TwoSources sources, ReadOnlySpan<int> index);

    /// <inheritdoc/>
    protected sealed override void Execute(TDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        (MemoryDescriptor source, MemoryDescriptor source1, MemoryDescriptor destination) = TensorsOf(descriptor);
        Epilogue epilogue = Epilogue.CreateForValues(
            attributes, destination.DataType, RefEpilogue.ReadRuntime(attributes, in arguments));
        Span<int> index = stackalloc int[destination.Rank];
        Span<int> operand = stackalloc int[destination.Rank];
        var sources = new TwoSources(in arguments, attributes, source, source1, operand);
        index.Clear();
        if (destination.ElementCount > 0)
        {
            do
                RefEpilogue.FinishValue(epilogue, Evaluate(descriptor, in sources, index), in arguments, destination, index);
            while (Outputs.Next(index, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }
}

/// <summary>Elements of broadcast operands at an index of the destination.</summary>
internal readonly unsafe ref struct TwoSources(
    in ExecutionArguments arguments, PrimitiveAttributes attributes, MemoryDescriptor source, MemoryDescriptor source1, Span<int> operand)
{
    private readonly ref readonly ExecutionArguments _arguments = ref arguments;
    private readonly Span<int> _operand = operand;
    private readonly (float Scale, int ZeroPoint) _first =
        (RefEpilogue.SourceScale(attributes, in arguments), RefEpilogue.SourceZeroPoint(attributes, in arguments));
    private readonly (float Scale, int ZeroPoint) _second =
        (RefEpilogue.Source1Scale(attributes, in arguments), RefEpilogue.Source1ZeroPoint(attributes, in arguments));

    /// <summary>The real element of the first source.</summary>
    public float First(ReadOnlySpan<int> index) => ScalarAccess.LoadReal(
        _arguments[ArgumentSlot.Source], source.DataType, OffsetOf(source, index), _first.Scale, _first.ZeroPoint);

    /// <summary>The real element of the second source.</summary>
    public float Second(ReadOnlySpan<int> index) => ScalarAccess.LoadReal(
        _arguments[ArgumentSlot.Source1], source1.DataType, OffsetOf(source1, index), _second.Scale, _second.ZeroPoint);

    /// <summary>The stored integer of another operand.</summary>
    public int Integer(ArgumentSlot slot, MemoryDescriptor tensor, ReadOnlySpan<int> index) =>
        ScalarAccess.LoadInteger(_arguments[slot], tensor.DataType, OffsetOf(tensor, index));

    private long OffsetOf(MemoryDescriptor tensor, ReadOnlySpan<int> index)
    {
        for (int d = 0; d < index.Length; d++)
            _operand[d] = tensor.Dimensions[d] == 1 ? 0 : index[d];
        return tensor.OffsetOf(_operand);
    }
}
