// Normative pooling: for each element of the destination the largest or the mean element of its window.
namespace Int8Runtime.Reference;

/// <summary>
/// Reduces each window in row-major order of its taps. Integers are summed exactly and the mean is one f32 division; f32
/// sums are added in order. A NaN is never the largest element. A window that holds no element gives the lowest value of
/// the source's type as maximum and real 0 as mean.
/// </summary>
/// <remarks>
/// The reduction works on stored values (padding is the zero point), so with equal quantization on both sides the result
/// is rounded and stored as it is. Otherwise it is dequantized, goes through the post-ops and is quantized again. A
/// destination scale or zero point that is not set is the source's.
/// </remarks>
internal sealed unsafe class RefPooling() : RefImplementation<PoolingDescriptor>(PrimitiveKind.Pooling, "ref_pool:any")
{
    /// <inheritdoc/>
    protected override PoolingDescriptor Resolve(PoolingDescriptor descriptor) =>
        descriptor with { Source = Plain(descriptor.Source), Destination = Plain(descriptor.Destination) };

    /// <inheritdoc/>
    protected override Rejection? Refuse(PoolingDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Destination);

    /// <inheritdoc/>
    protected override void Execute(PoolingDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        var result = new RefPassThrough(attributes, source.DataType, destination, in arguments);
        Span<int> output = stackalloc int[destination.Rank];
        output.Clear();
        if (destination.ElementCount > 0)
        {
            do
            {
                float value = Reduce(descriptor, arguments[ArgumentSlot.Source], output, result.ZeroPoint, out int largest);
                if (descriptor.Algorithm == PoolingAlgorithm.Max && source.DataType == DataType.Int32)
                    result.Finish(largest, output);
                else
                    result.Finish(value, output);
            }
            while (Outputs.Next(output, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }

    // The window's largest element or mean, in stored units; the largest element of s32, which f32 does not hold, also as it is.
    private static float Reduce(PoolingDescriptor descriptor, void* data, ReadOnlySpan<int> output, int zeroPoint, out int largest)
    {
        largest = int.MinValue;
        MemoryDescriptor source = descriptor.Source;
        bool floating = source.DataType.IsFloatingPoint();
        float best = floating ? float.NegativeInfinity : source.DataType.IntegerRange().Min;
        long integerSum = 0;
        float floatSum = 0;
        int inside = 0, padding = 0;
        Span<int> tap = stackalloc int[descriptor.SpatialRank];
        Span<int> index = stackalloc int[source.Rank];
        tap.Clear();
        index[0] = output[0];
        index[1] = output[1];
        do
        {
            switch (Locate(descriptor, output, tap, index))
            {
                case Place.Padding:
                    padding++;
                    continue;
                case Place.Beyond:
                    continue;
            }

            inside++;
            long offset = source.OffsetOf(index);
            float value = ScalarAccess.Load(data, source.DataType, offset);
            best = value > best ? value : best;
            if (floating)
                floatSum += value;
            else
                integerSum += ScalarAccess.LoadInteger(data, source.DataType, offset);
            if (source.DataType == DataType.Int32)
                largest = Math.Max(largest, ScalarAccess.LoadInteger(data, DataType.Int32, offset));
        }
        while (IndexSpace.Next(tap, descriptor.Kernel));

        switch (descriptor.Algorithm)
        {
            case PoolingAlgorithm.Max:
                return best;
            case PoolingAlgorithm.AverageExcludePadding when inside == 0:
            case PoolingAlgorithm.AverageIncludePadding when inside + padding == 0:
                return zeroPoint;
            case PoolingAlgorithm.AverageExcludePadding:
                return (floating ? floatSum : integerSum) / inside;
            default:
                return (floating ? floatSum + ((float)padding * zeroPoint) : integerSum + ((long)padding * zeroPoint)) / (inside + padding);
        }
    }

    private enum Place
    {
        Inside,
        Padding,
        Beyond,
    }

    // Fills the spatial part of the source index; says whether it lies in the source, its padding, or beyond (ceil mode).
    private static Place Locate(PoolingDescriptor descriptor, ReadOnlySpan<int> output, ReadOnlySpan<int> tap, Span<int> index)
    {
        Place place = Place.Inside;
        for (int a = 0; a < descriptor.SpatialRank; a++)
        {
            int position = (output[a + 2] * descriptor.Stride(a)) - descriptor.Before(a) + (tap[a] * descriptor.Dilation(a));
            int extent = descriptor.Source.Dimensions[a + 2];
            if (position >= extent + descriptor.After(a))
                return Place.Beyond;
            if (position < 0 || position >= extent)
                place = Place.Padding;
            index[a + 2] = position;
        }

        return place;
    }
}
