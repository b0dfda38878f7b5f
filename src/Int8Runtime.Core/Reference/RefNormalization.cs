// Normative normalization by mean and variance of sets of elements.
namespace Int8Runtime.Reference;

/// <summary>
/// Mean and variance in f64 (the variance around the mean); <c>n = (x − mean)/√(variance + ε)</c> rounded to f32 once, then
/// <c>fma(n, scale, shift)</c>. Source and destination may be the same memory.
/// </summary>
internal sealed unsafe class RefNormalization<TDescriptor>(PrimitiveKind kind, string name)
    : RefImplementation<TDescriptor>(kind, name)
    where TDescriptor : NormalizationDescriptor
{
    /// <inheritdoc/>
    protected override TDescriptor Resolve(TDescriptor descriptor) =>
        descriptor with { Source = Plain(descriptor.Source), Destination = Plain(descriptor.Destination) };

    /// <inheritdoc/>
    protected override Rejection? Refuse(TDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Destination, descriptor.Scale, descriptor.Shift)
        ?? (descriptor.StatisticsShape.ElementCount <= Array.MaxLength ? null : new Rejection(
            Name, RejectionReason.Shape, $"{descriptor.StatisticsShape.ElementCount} sets, which an array does not hold"));

    /// <inheritdoc/>
    protected override void Execute(TDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        if (destination.ElementCount > 0)
        {
            float scale = RefEpilogue.SourceScale(attributes, in arguments);
            int zeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments);
            void* data = arguments[ArgumentSlot.Source];
            double[] means = new double[descriptor.SetCount], deviations = new double[descriptor.SetCount];
            Statistics(descriptor, in arguments, scale, zeroPoint, means, deviations);
            for (int set = 0; set < deviations.Length; set++)
                deviations[set] = Math.Sqrt(deviations[set] + descriptor.Epsilon);

            Span<int> index = stackalloc int[source.Rank];
            index.Clear();
            Epilogue epilogue = Epilogue.CreateForValues(
                attributes, destination.DataType, RefEpilogue.ReadRuntime(attributes, in arguments));
            do
            {
                int set = descriptor.SetOf(index), place = descriptor.ParameterOf(index);
                double x = ScalarAccess.LoadReal(data, source.DataType, source.OffsetOf(index), scale, zeroPoint);
                float normalized = (float)((x - means[set]) / deviations[set]);
                float value = MathF.FusedMultiplyAdd(
                    normalized, Parameter(descriptor.Scale, arguments[ArgumentSlot.NormalizationScale], place, 1),
                    Parameter(descriptor.Shift, arguments[ArgumentSlot.NormalizationShift], place, 0));
                RefEpilogue.FinishValue(epilogue, value, in arguments, destination, index);
            }
            while (Outputs.Next(index, source.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }

    // Means and variances of all sets; reads or writes their tensors.
    private static void Statistics(
        TDescriptor descriptor, in ExecutionArguments arguments, float scale, int zeroPoint, double[] means, double[] variances)
    {
        if (descriptor.Statistics != NormalizationStatistics.Given)
            Compute(descriptor, arguments[ArgumentSlot.Source], scale, zeroPoint, means, variances);
        if (descriptor.Mean is not { } layout)
            return;
        var mean = (float*)arguments[ArgumentSlot.NormalizationMean];
        var variance = (float*)arguments[ArgumentSlot.NormalizationVariance];
        Span<int> index = stackalloc int[layout.Rank];
        index.Clear();
        for (int set = 0; set < means.Length; set++)
        {
            long place = layout.OffsetOf(index);
            if (descriptor.Statistics == NormalizationStatistics.Given)
                (means[set], variances[set]) = (mean[place], variance[place]);
            else
                (mean[place], variance[place]) = ((float)means[set], (float)variances[set]);
            IndexSpace.Next(index, layout.Dimensions);
        }
    }

    // Two walks over the elements, each in row-major order: the means, then the variances around them.
    private static void Compute(TDescriptor descriptor, void* data, float scale, int zeroPoint, double[] means, double[] variances)
    {
        MemoryDescriptor source = descriptor.Source;
        double count = source.ElementCount / (double)descriptor.SetCount;
        int last = source.Rank - 1, extent = source.Dimensions[last];
        Shape rows = source.Dimensions.With(last, 1);
        Span<int> index = stackalloc int[source.Rank];
        var row = new float[extent];
        for (int walk = 0; walk < 2; walk++)
        {
            index.Clear();
            do
            {
                LoadRow(source, data, index, scale, zeroPoint, row);
                bool isMean = walk == 0;
                for (int i = 0; i < extent;)
                {
                    (int set, int end) = Stretch(descriptor, index, i);
                    double mean = means[set], sum = isMean ? mean : variances[set];
                    for (; i < end; i++)
                        sum += isMean ? row[i] / count : (row[i] - mean) * (row[i] - mean) / count;
                    (isMean ? means : variances)[set] = sum;
                }
            }
            while (IndexSpace.Next(index, rows));
        }
    }

    // The set of element i of a row, and where the elements of the row that belong to it end: the last one, or this one.
    private static (int Set, int End) Stretch(TDescriptor descriptor, Span<int> index, int i)
    {
        int last = index.Length - 1, extent = descriptor.Source.Dimensions[last];
        index[last] = i;
        int set = descriptor.SetOf(index);
        index[last] = extent - 1;
        int end = descriptor.SetOf(index) == set ? extent : i + 1;
        index[last] = 0;
        return (set, end);
    }

    // The real values of a row along the last dimension; places are computed once where that has a stride.
    private static void LoadRow(MemoryDescriptor source, void* data, Span<int> index, float scale, int zeroPoint, Span<float> row)
    {
        int last = index.Length - 1;
        if (source.BlockOf(last) == 1)
        {
            ScalarAccess.LoadReals(data, source.DataType, source.OffsetOf(index), source.Strides[last], scale, zeroPoint, row);
            return;
        }

        for (int i = 0; i < row.Length; i++)
        {
            index[last] = i;
            row[i] = ScalarAccess.LoadReal(data, source.DataType, source.OffsetOf(index), scale, zeroPoint);
        }

        index[last] = 0;
    }

    private static float Parameter(MemoryDescriptor? descriptor, void* data, int place, float absent) =>
        descriptor is null ? absent : ScalarAccess.Load(data, descriptor.DataType, place);
}
