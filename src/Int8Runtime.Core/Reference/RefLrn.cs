// Normative local response normalization across channels.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>y = x / (k + α/size · Σ x²)^β</c> in f64, rounded to f32 once (Krizhevsky et al., 2012, section 3.3). The sum runs over
/// channels c − ⌊(size − 1)/2⌋ to c + ⌈(size − 1)/2⌉ that exist; the divisor is always the size.
/// </summary>
internal sealed unsafe class RefLrn() : RefImplementation<LrnDescriptor>(PrimitiveKind.Lrn, "ref_lrn:any")
{
    /// <inheritdoc/>
    protected override LrnDescriptor Resolve(LrnDescriptor descriptor) =>
        descriptor with { Source = Plain(descriptor.Source), Destination = Plain(descriptor.Destination) };

    /// <inheritdoc/>
    protected override Rejection? Refuse(LrnDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Destination);

    /// <inheritdoc/>
    protected override void Execute(LrnDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        float scale = RefEpilogue.SourceScale(attributes, in arguments);
        int zeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments);
        Epilogue epilogue = Epilogue.CreateForValues(
            attributes, destination.DataType, RefEpilogue.ReadRuntime(attributes, in arguments));
        int before = (descriptor.LocalSize - 1) / 2, after = descriptor.LocalSize / 2;
        Span<int> index = stackalloc int[source.Rank];
        Span<int> neighbour = stackalloc int[source.Rank];
        index.Clear();
        if (destination.ElementCount > 0)
        {
            do
            {
                index.CopyTo(neighbour);
                int last = Math.Min(index[1] + after, source.Dimensions[1] - 1);
                double sum = 0;
                for (int c = Math.Max(index[1] - before, 0); c <= last; c++)
                {
                    neighbour[1] = c;
                    double x = Load(neighbour, in arguments);
                    sum += x * x;
                }

                double divisor = Math.Pow(descriptor.K + (descriptor.Alpha * sum / descriptor.LocalSize), descriptor.Beta);
                RefEpilogue.FinishValue(
                    epilogue, (float)(Load(index, in arguments) / divisor), in arguments, destination, index);
            }
            while (Outputs.Next(index, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);

        double Load(ReadOnlySpan<int> at, in ExecutionArguments arguments) => ScalarAccess.LoadReal(
            arguments[ArgumentSlot.Source], source.DataType, source.OffsetOf(at), scale, zeroPoint);
    }
}
