// Normative shuffle along one axis.
namespace Int8Runtime.Reference;

/// <summary>Copies source index <c>u·G + v</c> of the axis to destination index <c>u + v·C/G</c>, bit by bit.</summary>
internal sealed unsafe class RefShuffle() : RefImplementation<ShuffleDescriptor>(PrimitiveKind.Shuffle, "ref_shuffle:any")
{
    /// <inheritdoc/>
    protected override ShuffleDescriptor Resolve(ShuffleDescriptor descriptor) =>
        descriptor with { Source = Plain(descriptor.Source), Destination = Plain(descriptor.Destination) };

    /// <inheritdoc/>
    protected override Rejection? Refuse(ShuffleDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Destination);

    /// <inheritdoc/>
    protected override void Execute(ShuffleDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        int size = destination.DataType.SizeInBytes(), rows = source.Dimensions[descriptor.Axis] / descriptor.GroupSize;
        Span<int> index = stackalloc int[destination.Rank];
        Span<int> origin = stackalloc int[destination.Rank];
        index.Clear();
        if (destination.ElementCount > 0)
        {
            do
            {
                index.CopyTo(origin);
                (int column, int row) = Math.DivRem(index[descriptor.Axis], rows);
                origin[descriptor.Axis] = (row * descriptor.GroupSize) + column;
                new Span<byte>((byte*)arguments[ArgumentSlot.Source] + (source.OffsetOf(origin) * size), size)
                    .CopyTo(new Span<byte>((byte*)arguments[ArgumentSlot.Destination] + (destination.OffsetOf(index) * size), size));
            }
            while (Outputs.Next(index, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }
}
