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
        RefuseOperands(descriptor.Source, descriptor.Destination, descriptor.Scale, descriptor.Shift);

    /// <inheritdoc/>
    protected override void Execute(TDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        if (destination.ElementCount > 0)
        {
            float scale = RefEpilogue.SourceScale(attributes, in arguments);
            int zeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments);
            void* data = arguments[ArgumentSlot.Source];
            double count = source.ElementCount / (double)descriptor.SetCount;
            double[] means = new double[descriptor.SetCount], deviations = new double[descriptor.SetCount];
            Span<int> index = stackalloc int[source.Rank];
            index.Clear();
            do
                means[descriptor.SetOf(index)] += ScalarAccess.LoadReal(data, source.DataType, source.OffsetOf(index), scale, zeroPoint) / count;
            while (IndexSpace.Next(index, source.Dimensions));
            do
            {
                int set = descriptor.SetOf(index);
                double difference = ScalarAccess.LoadReal(data, source.DataType, source.OffsetOf(index), scale, zeroPoint) - means[set];
                deviations[set] += difference * difference / count;
            }
            while (IndexSpace.Next(index, source.Dimensions));
            for (int set = 0; set < deviations.Length; set++)
                deviations[set] = Math.Sqrt(deviations[set] + descriptor.Epsilon);

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
            while (IndexSpace.Next(index, source.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }

    private static float Parameter(MemoryDescriptor? descriptor, void* data, int place, float absent) =>
        descriptor is null ? absent : ScalarAccess.Load(data, descriptor.DataType, place);
}
