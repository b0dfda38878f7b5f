// Normative softmax and log-softmax along one axis.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>e^(x − max) / Σ e^(x − max)</c>, or <c>x − max − ln Σ e^(x − max)</c>, in f64 and rounded to f32 once. A NaN makes the
/// whole row NaN. Source and destination may be the same memory.
/// </summary>
internal sealed unsafe class RefSoftmax() : RefImplementation<SoftmaxDescriptor>(PrimitiveKind.Softmax, "ref_softmax:any")
{
    /// <inheritdoc/>
    protected override SoftmaxDescriptor Resolve(SoftmaxDescriptor descriptor) =>
        descriptor with { Source = Plain(descriptor.Source), Destination = Plain(descriptor.Destination) };

    /// <inheritdoc/>
    protected override Rejection? Refuse(SoftmaxDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Destination);

    /// <inheritdoc/>
    protected override void Execute(SoftmaxDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        float scale = RefEpilogue.SourceScale(attributes, in arguments);
        int zeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments);
        Epilogue epilogue = Epilogue.CreateForValues(
            attributes, destination.DataType, RefEpilogue.ReadRuntime(attributes, in arguments));
        int axis = descriptor.Axis;
        var row = new double[source.Dimensions[axis]];
        Shape rows = source.Dimensions.With(axis, 1);
        Span<int> index = stackalloc int[source.Rank];
        index.Clear();
        if (destination.ElementCount > 0)
        {
            do
            {
                for (int i = 0; i < row.Length; i++)
                {
                    index[axis] = i;
                    row[i] = ScalarAccess.LoadReal(
                        arguments[ArgumentSlot.Source], source.DataType, source.OffsetOf(index), scale, zeroPoint);
                }

                Normalize(row, descriptor.Logarithm);
                for (int i = 0; i < row.Length; i++)
                {
                    index[axis] = i;
                    RefEpilogue.FinishValue(epilogue, (float)row[i], in arguments, destination, index);
                }

                index[axis] = 0;
            }
            while (IndexSpace.Next(index, rows));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }

    private static void Normalize(Span<double> row, bool logarithm)
    {
        double max = double.NegativeInfinity;
        foreach (double value in row)
            max = Math.Max(max, value);
        double sum = 0;
        foreach (double value in row)
            sum += Math.Exp(value - max);
        for (int i = 0; i < row.Length; i++)
            row[i] = logarithm ? row[i] - max - Math.Log(sum) : Math.Exp(row[i] - max) / sum;
    }
}
