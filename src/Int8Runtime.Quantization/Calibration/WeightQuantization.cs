// Symmetric quantization of constant weights, per channel or per tensor.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>How weights are quantized: symmetrically, without the lowest integer.</summary>
/// <param name="Bits">2 to 8; the integers are stored in s8.</param>
/// <param name="PerChannel">One scale for each output channel, or one for the tensor.</param>
/// <param name="PowerOfTwo">Whether scales are powers of two.</param>
/// <param name="BoundsPairs">Whether no two weights that meet in a sum of 16 bits may saturate it (<see cref="WeightPairs"/>).</param>
internal readonly record struct WeightFormat(int Bits, bool PerChannel, bool PowerOfTwo, bool BoundsPairs = false)
{
    /// <summary>s8 with a scale for each channel.</summary>
    public static WeightFormat Default { get; } = new(8, true, false);
}

/// <summary>Weights as s8 in −127…127 (fewer for fewer bits) with one scale for each output channel.</summary>
/// <param name="Values">The integers, in the shape of the weights.</param>
/// <param name="Scales">One scale for each index of the channel axis; all equal where one serves the tensor.</param>
internal sealed record WeightQuantization(TensorData Values, float[] Scales)
{
    /// <summary><see cref="Create"/> with <see cref="WeightFormat.Default"/>.</summary>
    public static WeightQuantization PerChannel(TensorData weights, int axis, float sourceScale, ReadOnlySpan<float> bias) =>
        Create(weights, axis, WeightFormat.Default, sourceScale, bias);

    /// <summary>
    /// Quantizes weights symmetrically. A channel's scale is raised where its bias would not fit into an
    /// s32 of scale <paramref name="sourceScale"/>·scale, which happens only for channels whose weights are (almost) all zero.
    /// </summary>
    /// <param name="weights">f32 weights.</param>
    /// <param name="axis">The axis of the output channels.</param>
    /// <param name="format">Bits and granularity.</param>
    /// <param name="sourceScale">Scale of the activations that meet the weights.</param>
    /// <param name="bias">Bias of each channel, or empty.</param>
    /// <param name="pairs">Which weights meet, where the format bounds their sums.</param>
    public static WeightQuantization Create(
        TensorData weights, int axis, WeightFormat format, float sourceScale, ReadOnlySpan<float> bias, WeightPairs pairs = default)
    {
        var integersOf = new IntegerFormat(format.Bits, isSigned: true, isRestricted: true);
        int largest = format.BoundsPairs && pairs.IsAny ? Math.Min(integersOf.Maximum, WeightPairs.LargestSum / 2) : integersOf.Maximum;
        PairedRounding? paired = format.BoundsPairs && !pairs.IsAny ? new PairedRounding(weights, pairs) : null;
        ReadOnlySpan<float> source = weights.AsSpan<float>();
        int channels = weights.Shape[axis];
        int inner = 1;
        for (int d = axis + 1; d < weights.Rank; d++)
            inner *= weights.Shape[d];

        var scales = new float[channels];
        for (int i = 0; i < source.Length; i++)
        {
            int channel = i / inner % channels;
            float magnitude = Math.Abs(source[i]);
            if (!float.IsFinite(magnitude))
                throw new QuantizationException(
                    $"the weights hold {source[i]} in channel {channel}; a model with such weights cannot be quantized");
            scales[channel] = Math.Max(scales[channel], magnitude);
        }

        if (!format.PerChannel)
            scales.AsSpan().Fill(scales.Max());
        for (int c = 0; c < channels; c++)
        {
            float scale = scales[c] / largest;
            if (paired is not null)
                scale = Math.Max(scale, paired.ScaleOf(c));
            if (c < bias.Length)
                scale = Math.Max(scale, (float)(Math.Abs((double)bias[c]) / sourceScale / (1 << 30)));
            scales[c] = scale < 1e-30f ? 1f : format.PowerOfTwo ? MathF.ScaleB(1, (int)MathF.Ceiling(MathF.Log2(scale))) : scale;
        }

        if (!format.PerChannel)
            scales.AsSpan().Fill(scales.Max());   // a bias may have raised one of them

        TensorData values = TensorData.Allocate(DataType.Int8, weights.Shape, out Span<sbyte> integers);
        for (int i = 0; i < source.Length; i++)
        {
            float scale = scales[i / inner % channels];
            integers[i] = (sbyte)Math.Clamp(MathF.Round(source[i] / scale, MidpointRounding.ToEven), -largest, largest);
        }

        paired?.Bound(integers);
        return new WeightQuantization(values, scales);
    }

    /// <summary>The bias as s32 with scale <paramref name="sourceScaleOf"/>·<see cref="Scales"/>.</summary>
    public (TensorData Values, float[] Scales) QuantizeBias(ReadOnlySpan<float> bias, Func<int, float> sourceScaleOf)
    {
        TensorData values = TensorData.Allocate(DataType.Int32, [bias.Length], out Span<int> integers);
        var scales = new float[bias.Length];
        for (int c = 0; c < bias.Length; c++)
        {
            scales[c] = sourceScaleOf(c) * Scales[c];
            integers[c] = (int)Math.Clamp(Math.Round(bias[c] / (double)scales[c], MidpointRounding.ToEven), int.MinValue, int.MaxValue);
        }

        return (values, scales);
    }
}
