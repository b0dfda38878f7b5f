// Normative resampling: for each element of the destination the nearest source element or the weighted sum of neighbours.
namespace Int8Runtime.Reference;

/// <summary>
/// Linear: <c>v = fma(w, src, v)</c> over the 2, 4 or 8 neighbours in row-major order from v = 0, where w is the f32
/// product of the weights along the dimensions, outermost first. Nearest: v is the element.
/// </summary>
/// <remarks>
/// This works on stored values, so with equal quantization on both sides v is rounded and stored as it is; an element that is
/// only chosen keeps its bits. Otherwise v is dequantized, goes through the post-ops and is quantized again.
/// </remarks>
internal sealed unsafe class RefResampling() : RefImplementation<ResamplingDescriptor>(PrimitiveKind.Resampling, "ref_resample:any")
{
    /// <inheritdoc/>
    protected override ResamplingDescriptor Resolve(ResamplingDescriptor descriptor) =>
        descriptor with { Source = Plain(descriptor.Source), Destination = Plain(descriptor.Destination) };

    /// <inheritdoc/>
    protected override Rejection? Refuse(ResamplingDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Destination);

    /// <inheritdoc/>
    protected override void Execute(ResamplingDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        bool copies = descriptor.Algorithm == ResamplingAlgorithm.Nearest
            && PassThrough.Copies(attributes, source.DataType, destination.DataType);
        var result = new RefPassThrough(attributes, source.DataType, destination, in arguments);
        ResamplingTaps[][] taps = [.. Enumerable.Range(0, descriptor.SpatialRank).Select(
            axis => Enumerable.Range(0, destination.Dimensions[axis + 2]).Select(i => descriptor.TapsOf(axis, i)).ToArray())];
        Span<int> output = stackalloc int[destination.Rank], input = stackalloc int[source.Rank];
        output.Clear();
        if (destination.ElementCount > 0)
        {
            do
            {
                if (copies)
                {
                    Neighbour(taps, output, input, 0);
                    Copy(arguments, source, input, destination, output);
                    continue;
                }

                float value = 0;
                int count = descriptor.Algorithm == ResamplingAlgorithm.Nearest ? 1 : 1 << descriptor.SpatialRank;
                for (int n = 0; n < count; n++)
                {
                    float weight = Neighbour(taps, output, input, n);
                    float element = ScalarAccess.Load(arguments[ArgumentSlot.Source], source.DataType, source.OffsetOf(input));
                    value = count == 1 ? element : MathF.FusedMultiplyAdd(weight, element, value);
                }

                result.Finish(value, output);
            }
            while (Outputs.Next(output, destination.Dimensions));
        }

        RefPadding.Clear(destination, arguments[ArgumentSlot.Destination]);
    }

    // The index of a neighbour, whose bits choose between first and second (outermost dimension first), and its weight.
    private static float Neighbour(ResamplingTaps[][] taps, ReadOnlySpan<int> output, Span<int> input, int neighbour)
    {
        (input[0], input[1]) = (output[0], output[1]);
        float weight = 1;
        for (int a = 0; a < taps.Length; a++)
        {
            ResamplingTaps tap = taps[a][output[a + 2]];
            bool second = ((neighbour >> (taps.Length - 1 - a)) & 1) != 0;
            input[a + 2] = second ? tap.Second : tap.First;
            weight *= second ? tap.SecondWeight : tap.FirstWeight;
        }

        return weight;
    }

    private static void Copy(
        in ExecutionArguments arguments, MemoryDescriptor source, ReadOnlySpan<int> from, MemoryDescriptor destination,
        ReadOnlySpan<int> to)
    {
        int size = source.DataType.SizeInBytes();
        var element = new ReadOnlySpan<byte>((byte*)arguments[ArgumentSlot.Source] + (source.OffsetOf(from) * size), size);
        element.CopyTo(new Span<byte>((byte*)arguments[ArgumentSlot.Destination] + (destination.OffsetOf(to) * size), size));
    }
}
