// Normative reduction.
namespace Int8Runtime.Reference;

/// <summary>
/// Maximum, minimum, sum and mean of integers in s32: <c>f32(Σ q − n·zp)</c> or <c>f32(q − zp)</c>, for a mean divided by n, times the
/// scale. Everything else in f64 from real elements, rounded to f32 once.
/// </summary>
internal sealed unsafe class RefReduction() : RefImplementation<ReductionDescriptor>(PrimitiveKind.Reduction, "ref_reduction:any")
{
    /// <inheritdoc/>
    protected override ReductionDescriptor Resolve(ReductionDescriptor descriptor) =>
        descriptor with { Source = Plain(descriptor.Source), Destination = Plain(descriptor.Destination) };

    /// <inheritdoc/>
    protected override Rejection? Refuse(ReductionDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Destination);

    /// <inheritdoc/>
    protected override void Execute(ReductionDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor destination = descriptor.Destination;
        if (destination.ElementCount > 0)
        {
            float scale = RefEpilogue.SourceScale(attributes, in arguments);
            int zeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments);
            Epilogue epilogue = Epilogue.CreateForValues(
                attributes, destination.DataType, RefEpilogue.ReadRuntime(attributes, in arguments));
            Span<int> index = stackalloc int[destination.Rank];
            index.Clear();
            do
            {
                float value = descriptor.IsExact
                    ? Integer(descriptor, arguments[ArgumentSlot.Source], index, zeroPoint, scale)
                    : (float)Real(descriptor, arguments[ArgumentSlot.Source], index, zeroPoint, scale);
                RefEpilogue.FinishValue(epilogue, value, in arguments, destination, index);
            }
            while (Outputs.Next(index, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }

    private static float Integer(ReductionDescriptor descriptor, void* data, ReadOnlySpan<int> result, int zeroPoint, float scale)
    {
        MemoryDescriptor source = descriptor.Source;
        long sum = 0, least = int.MaxValue, most = int.MinValue;
        Span<int> index = stackalloc int[source.Rank];
        result.CopyTo(index);
        if (descriptor.SetSize > 0)
        {
            do
            {
                int value = ScalarAccess.LoadInteger(data, source.DataType, source.OffsetOf(index));
                (sum, least, most) = (sum + value, Math.Min(least, value), Math.Max(most, value));
            }
            while (Next(index, descriptor));
        }

        long exact = descriptor.Algorithm switch
        {
            ReductionAlgorithm.Max => most - zeroPoint,
            ReductionAlgorithm.Min => least - zeroPoint,
            _ => unchecked((int)(sum - (descriptor.SetSize * zeroPoint))),
        };
        float real = exact;
        if (descriptor.Algorithm == ReductionAlgorithm.Mean)
            real /= descriptor.SetSize;
        return scale == 1f ? real : real * scale;
    }

    private static double Real(ReductionDescriptor descriptor, void* data, ReadOnlySpan<int> result, int zeroPoint, float scale)
    {
        MemoryDescriptor source = descriptor.Source;
        double value = descriptor.Algorithm switch
        {
            ReductionAlgorithm.Max => double.NegativeInfinity,
            ReductionAlgorithm.Min => double.PositiveInfinity,
            ReductionAlgorithm.Product => 1,
            _ => 0,
        };
        Span<int> index = stackalloc int[source.Rank];
        result.CopyTo(index);
        if (descriptor.SetSize > 0)
        {
            do
            {
                double x = ScalarAccess.LoadReal(data, source.DataType, source.OffsetOf(index), scale, zeroPoint);
                value = descriptor.Algorithm switch
                {
                    ReductionAlgorithm.Max => Math.Max(value, x),
                    ReductionAlgorithm.Min => Math.Min(value, x),
                    ReductionAlgorithm.Product => value * x,
                    ReductionAlgorithm.Sum or ReductionAlgorithm.Mean => value + x,
                    _ => value + Math.Pow(Math.Abs(x), descriptor.P),
                };
            }
            while (Next(index, descriptor));
        }

        return descriptor.Algorithm switch
        {
            ReductionAlgorithm.Mean => value / descriptor.SetSize,
            ReductionAlgorithm.NormMax => Math.Pow(Math.Max(value, descriptor.Epsilon), 1.0 / descriptor.P),
            ReductionAlgorithm.NormSum => Math.Pow(value + descriptor.Epsilon, 1.0 / descriptor.P),
            ReductionAlgorithm.NormPowerMax => Math.Max(value, descriptor.Epsilon),
            ReductionAlgorithm.NormPowerSum => value + descriptor.Epsilon,
            _ => value,
        };
    }

    // The next element that falls onto the same result; false after the last one.
    private static bool Next(Span<int> index, ReductionDescriptor descriptor)
    {
        for (int d = index.Length - 1; d >= 0; d--)
        {
            if (descriptor.Destination.Dimensions[d] != 1)
                continue;
            if (++index[d] < descriptor.Source.Dimensions[d])
                return true;
            index[d] = 0;
        }

        return false;
    }
}
