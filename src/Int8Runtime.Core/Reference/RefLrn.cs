// Normative local response normalization.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>y = x / (k + α/n · Σ x²)^β</c> in f64, rounded to f32 once (Krizhevsky et al., 2012, section 3.3). The sum runs over the
/// neighbours i − ⌊(size − 1)/2⌋ to i + ⌈(size − 1)/2⌉ that exist, in the channels or in every spatial dimension; n counts all of them.
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
        Span<int> neighbour = stackalloc int[source.Rank], first = stackalloc int[source.Rank], last = stackalloc int[source.Rank];
        index.Clear();
        if (destination.ElementCount > 0)
        {
            do
            {
                for (int d = 0; d < index.Length; d++)
                {
                    bool varies = descriptor.Algorithm == LrnAlgorithm.AcrossChannels ? d == 1 : d > 1;
                    first[d] = varies ? Math.Max(index[d] - before, 0) : index[d];
                    last[d] = varies ? Math.Min(index[d] + after, source.Dimensions[d] - 1) : index[d];
                }

                first.CopyTo(neighbour);
                double sum = 0;
                do
                {
                    double x = Load(neighbour, in arguments);
                    sum += x * x;
                }
                while (NextIn(neighbour, first, last));
                double divisor = Math.Pow(descriptor.K + (descriptor.Alpha * sum / descriptor.WindowSize), descriptor.Beta);
                RefEpilogue.FinishValue(
                    epilogue, (float)(Load(index, in arguments) / divisor), in arguments, destination, index);
            }
            while (Outputs.Next(index, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);

        static bool NextIn(Span<int> index, ReadOnlySpan<int> first, ReadOnlySpan<int> last)
        {
            for (int d = index.Length - 1; d >= 0; d--)
            {
                if (++index[d] <= last[d])
                    return true;
                index[d] = first[d];
            }

            return false;
        }

        double Load(ReadOnlySpan<int> at, in ExecutionArguments arguments) => ScalarAccess.LoadReal(
            arguments[ArgumentSlot.Source], source.DataType, source.OffsetOf(at), scale, zeroPoint);
    }
}
