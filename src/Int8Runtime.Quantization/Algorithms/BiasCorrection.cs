// Makes the output of quantized layers unbiased.
using System.Numerics.Tensors;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>Mean of each input channel of a weighted node, exact and after quantization.</summary>
/// <param name="Exact">Means of the f32 values.</param>
/// <param name="Quantized">Means of the same values rounded to the quantizer's steps.</param>
internal sealed record ChannelMeans(double[] Exact, double[] Quantized);

/// <summary>
/// Rounding shifts the mean of what a layer computes: weights by their rounding errors, activations because values near
/// zero are not spread evenly over a step. The shift of each output channel, <c>Σ W_q·E[q(x)] − Σ W·E[x]</c> with the means of
/// the input channels, is taken out of the bias. Nagel et al., "Data-free quantization through weight equalization and bias
/// correction" (arXiv:1906.04721), section 4.2, with measured means. Padding is not accounted for.
/// </summary>
internal static class BiasCorrection
{
    /// <summary>Measures the means of the sources of all quantized weighted nodes.</summary>
    public static IReadOnlyDictionary<GraphValue, ChannelMeans> Measure(
        CpuEngine engine, QuantizationPlan plan, IReadOnlyDictionary<GraphValue, QuantizationParameters> parameters,
        IDataset samples, IProgress<SampleProgress>? progress, CancellationToken cancellation)
    {
        var sources = new Dictionary<GraphValue, MeanCollector>();
        foreach (GraphNode node in plan.Graph.Nodes)
            if (CanCorrect(node) && plan.IsQuantized(node))
                sources.TryAdd(node.Input(0), new MeanCollector(parameters[plan.GroupOf(node.Input(0))]));

        ValueObserver.Run(
            engine, plan.Graph, sources.Keys, samples,
            () => sources.ToDictionary(s => s.Key, s => s.Value.CreateEmpty()),
            static (collectors, value, memory) => collectors[value].Observe(memory),
            static (whole, part) =>
            {
                foreach ((GraphValue value, MeanCollector collector) in part)
                    whole[value].Merge(collector);
            },
            progress, cancellation, out Dictionary<GraphValue, MeanCollector> measured);
        return measured.ToDictionary(m => m.Key, m => m.Value.Means);
    }

    /// <summary>True for nodes with a bias, whose source has its channels in dimension 1.</summary>
    public static bool CanCorrect(GraphNode node) => node.OpType is "Conv" or "Gemm" && node.ConstantInput(2) is not null;

    /// <summary>Subtracts from the bias what rounding adds to each output channel.</summary>
    /// <param name="node">The weighted node.</param>
    /// <param name="weights">Its f32 weights.</param>
    /// <param name="quantized">Its quantized weights.</param>
    /// <param name="means">Means of its source's channels.</param>
    /// <param name="bias">The bias, changed in place.</param>
    public static void Apply(GraphNode node, TensorData weights, WeightQuantization quantized, ChannelMeans means, Span<float> bias)
    {
        ReadOnlySpan<float> exact = weights.AsSpan<float>();
        ReadOnlySpan<sbyte> integers = quantized.Values.AsSpan<sbyte>();
        bool outputsFirst = node.OpType == "Conv" || node.Attributes.GetBoolean("transB");
        int outputs = bias.Length, inputs = weights.Shape[outputsFirst ? 1 : 0];
        int taps = weights.ElementCount / (outputs * inputs);
        int outputsPerGroup = outputs / (node.OpType == "Conv" ? node.Attributes.GetInt32("group", 1) : 1);
        for (int o = 0; o < outputs; o++)
        {
            double shift = 0;
            int firstChannel = node.OpType == "Conv" ? o / outputsPerGroup * inputs : 0;
            for (int i = 0; i < inputs; i++)
            {
                for (int t = 0; t < taps; t++)
                {
                    int index = outputsFirst ? (((o * inputs) + i) * taps) + t : (i * outputs) + o;
                    double rounded = (double)integers[index] * quantized.Scales[o];
                    shift += (rounded * means.Quantized[firstChannel + i]) - ((double)exact[index] * means.Exact[firstChannel + i]);
                }
            }

            bias[o] -= (float)shift;
        }
    }

    /// <summary>
    /// Sums of the channels of one value, [N, C, …]. They are integers, so that they do not depend on the order of the samples:
    /// quantized values count steps, exact ones fractions of a step.
    /// </summary>
    private sealed class MeanCollector(QuantizationParameters parameters)
    {
        private const double UnitsPerStep = 1 << 20;

        private long[] _exact = [];
        private long[] _quantized = [];
        private float[] _steps = [];
        private long _count;

        public ChannelMeans Means => new(
            Array.ConvertAll(_exact, s => s / UnitsPerStep * parameters.Scale / _count),
            Array.ConvertAll(_quantized, s => (double)s * parameters.Scale / _count));

        public MeanCollector CreateEmpty() => new(parameters);

        public void Observe(TensorMemory memory)
        {
            Shape shape = memory.Descriptor.Dimensions;
            ReadOnlySpan<float> values = memory.AsSpan<float>();
            int channels = shape[1], plane = values.Length / (shape[0] * channels);
            if (_exact.Length == 0)
            {
                _exact = new long[channels];
                _quantized = new long[channels];
                _steps = new float[plane];
            }

            (int min, int max) = parameters.DataType.IntegerRange();
            for (int i = 0; i < shape[0] * channels; i++)
            {
                ReadOnlySpan<float> channel = values.Slice(i * plane, plane);
                Span<float> steps = _steps.AsSpan(0, plane);
                float sum = TensorPrimitives.Sum(channel);
                if (!float.IsFinite(sum))
                    continue;   // what is not finite has no mean; the range estimator leaves it out as well
                _exact[i % channels] += (long)Math.Round(sum / (double)parameters.Scale * UnitsPerStep);
                TensorPrimitives.Divide(channel, parameters.Scale, steps);
                TensorPrimitives.Round(steps, MidpointRounding.ToEven, steps);
                TensorPrimitives.Clamp(steps, min - parameters.ZeroPoint, max - parameters.ZeroPoint, steps);
                _quantized[i % channels] += (long)TensorPrimitives.Sum(steps);
            }

            _count += (long)shape[0] * plane;
        }

        public void Merge(MeanCollector other)
        {
            if (other._count == 0)
                return;
            if (_exact.Length == 0)
            {
                _exact = new long[other._exact.Length];
                _quantized = new long[other._exact.Length];
                _steps = new float[other._steps.Length];
            }

            TensorPrimitives.Add<long>(_exact, other._exact, _exact);
            TensorPrimitives.Add<long>(_quantized, other._quantized, _quantized);
            _count += other._count;
        }
    }
}
