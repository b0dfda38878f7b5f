// Per-channel symmetric quantization of constant weights.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>Weights as s8 in −127…127 with one scale for each output channel.</summary>
/// <param name="Values">The integers, in the shape of the weights.</param>
/// <param name="Scales">One scale for each index of the channel axis.</param>
internal sealed record WeightQuantization(TensorData Values, float[] Scales)
{
    /// <summary>
    /// Quantizes weights symmetrically for each channel. A channel's scale is raised where its bias would not fit into an
    /// s32 of scale <paramref name="sourceScale"/>·scale, which happens only for channels whose weights are (almost) all zero.
    /// </summary>
    /// <param name="weights">f32 weights.</param>
    /// <param name="axis">The axis of the output channels.</param>
    /// <param name="sourceScale">Scale of the activations that meet the weights.</param>
    /// <param name="bias">Bias of each channel, or empty.</param>
    public static WeightQuantization PerChannel(TensorData weights, int axis, float sourceScale, ReadOnlySpan<float> bias)
    {
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
                throw new QuantizationException($"the weights hold {source[i]} in channel {channel}; a model with such weights cannot be quantized");
            scales[channel] = Math.Max(scales[channel], magnitude);
        }

        for (int c = 0; c < channels; c++)
        {
            float scale = scales[c] / 127f;
            if (c < bias.Length)
                scale = Math.Max(scale, (float)(Math.Abs((double)bias[c]) / sourceScale / (1 << 30)));
            scales[c] = scale < 1e-30f ? 1f : scale;
        }

        TensorData values = TensorData.Allocate(DataType.Int8, weights.Shape, out Span<sbyte> integers);
        for (int i = 0; i < source.Length; i++)
        {
            float scale = scales[i / inner % channels];
            integers[i] = (sbyte)Math.Clamp(MathF.Round(source[i] / scale, MidpointRounding.ToEven), -127, 127);
        }

        return new WeightQuantization(values, scales);
    }

    /// <summary>The bias as s32 with scale <paramref name="sourceScale"/>·<see cref="Scales"/>.</summary>
    public (TensorData Values, float[] Scales) QuantizeBias(ReadOnlySpan<float> bias, float sourceScale)
    {
        TensorData values = TensorData.Allocate(DataType.Int32, [bias.Length], out Span<int> integers);
        var scales = new float[bias.Length];
        for (int c = 0; c < bias.Length; c++)
        {
            scales[c] = sourceScale * Scales[c];
            integers[c] = (int)Math.Clamp(Math.Round(bias[c] / (double)scales[c], MidpointRounding.ToEven), int.MinValue, int.MaxValue);
        }

        return (values, scales);
    }
}
