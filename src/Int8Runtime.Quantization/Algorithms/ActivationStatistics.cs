// Means and magnitudes of the channels of intermediate values.
using System.Numerics.Tensors;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>Mean of each channel of a value, exact and after quantization.</summary>
/// <param name="Exact">Means of the f32 values.</param>
/// <param name="Quantized">Means of the same values rounded to the quantizer's steps.</param>
internal sealed record ChannelMeans(double[] Exact, double[] Quantized);

/// <summary>Measures statistics of channels; sums are integers, so that they do not depend on the order of the samples.</summary>
internal static class ActivationStatistics
{
    /// <summary>Means of the channels (dimension 1), before and after rounding to the steps of a quantizer.</summary>
    public static IReadOnlyDictionary<GraphValue, ChannelMeans> Measure(
        CpuEngine engine, ModelGraph graph, IReadOnlyDictionary<GraphValue, ActivationQuantization> values, IDataset samples,
        IProgress<SampleProgress>? progress, CancellationToken cancellation)
    {
        Dictionary<GraphValue, MeanCollector> collectors = Collect(
            engine, graph, [.. values.Keys], samples, v => new MeanCollector(values[v]), progress, cancellation);
        return collectors.ToDictionary(m => m.Key, m => m.Value.Means);
    }

    /// <summary>Means of the channels (dimension 1) by name of the value.</summary>
    public static IReadOnlyDictionary<string, double[]> MeasureMeans(
        CpuEngine engine, ModelGraph graph, IReadOnlyCollection<string> names, IDataset samples,
        IProgress<SampleProgress>? progress, CancellationToken cancellation)
    {
        Dictionary<GraphValue, SumCollector> collectors = Collect(
            engine, graph, [.. graph.Values.Where(v => names.Contains(v.Name))], samples, _ => new SumCollector(), progress, cancellation);
        return collectors.ToDictionary(m => m.Key.Name, m => m.Value.Means);
    }

    /// <summary>The largest magnitude in each channel.</summary>
    /// <param name="engine">Runs the model.</param>
    /// <param name="graph">The model.</param>
    /// <param name="values">The values, and whether their channels are dimension 1 (true) or the last one.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="progress">Told after each sample.</param>
    /// <param name="cancellation">Ends the pass between two samples.</param>
    public static IReadOnlyDictionary<GraphValue, float[]> MeasureMagnitudes(
        CpuEngine engine, ModelGraph graph, IReadOnlyDictionary<GraphValue, bool> values, IDataset samples,
        IProgress<SampleProgress>? progress, CancellationToken cancellation)
    {
        Dictionary<GraphValue, MagnitudeCollector> collectors = Collect(
            engine, graph, [.. values.Keys], samples, v => new MagnitudeCollector(values[v]), progress, cancellation);
        return collectors.ToDictionary(m => m.Key, m => m.Value.Magnitudes);
    }

    private interface ICollector<in TSelf>
    {
        void Observe(TensorMemory memory);

        void Merge(TSelf other);
    }

    private static Dictionary<GraphValue, T> Collect<T>(
        CpuEngine engine, ModelGraph graph, GraphValue[] values, IDataset samples, Func<GraphValue, T> create,
        IProgress<SampleProgress>? progress, CancellationToken cancellation)
        where T : ICollector<T>
    {
        ValueObserver.Run(
            engine, graph, values, samples,
            () => values.ToDictionary(v => v, create),
            static (collectors, value, memory, _) => collectors[value].Observe(memory),
            static (whole, part) =>
            {
                foreach ((GraphValue value, T collector) in part)
                    whole[value].Merge(collector);
            },
            progress, cancellation, out Dictionary<GraphValue, T> measured);
        return measured;
    }

    /// <summary>Sums of channels, in 2^−40.</summary>
    private sealed class SumCollector : ICollector<SumCollector>
    {
        private Int128[] _sums = [];
        private long _count;

        public double[] Means => Array.ConvertAll(_sums, s => Math.ScaleB((double)s, -40) / _count);

        public void Observe(TensorMemory memory)
        {
            Shape shape = memory.Descriptor.Dimensions;
            ReadOnlySpan<float> values = memory.AsSpan<float>();
            int channels = shape[1], plane = values.Length / (shape[0] * channels);
            if (_sums.Length == 0)
                _sums = new Int128[channels];
            for (int i = 0; i < shape[0] * channels; i++)
            {
                double sum = TensorPrimitives.Sum(values.Slice(i * plane, plane));
                if (double.IsFinite(sum))
                    _sums[i % channels] += (Int128)Math.ScaleB(sum, 40);
            }

            _count += (long)shape[0] * plane;
        }

        public void Merge(SumCollector other)
        {
            if (other._count == 0)
                return;
            if (_sums.Length == 0)
                _sums = new Int128[other._sums.Length];
            for (int i = 0; i < _sums.Length; i++)
                _sums[i] += other._sums[i];
            _count += other._count;
        }
    }

    private sealed class MagnitudeCollector(bool channelsFirst) : ICollector<MagnitudeCollector>
    {
        public float[] Magnitudes { get; private set; } = [];

        public void Observe(TensorMemory memory)
        {
            Shape shape = memory.Descriptor.Dimensions;
            ReadOnlySpan<float> values = memory.AsSpan<float>();
            int channels = channelsFirst ? shape[1] : shape[shape.Rank - 1];
            if (Magnitudes.Length == 0)
                Magnitudes = new float[channels];
            if (!channelsFirst)
            {
                for (int i = 0; i < values.Length; i += channels)
                    for (int c = 0; c < channels; c++)
                        Note(c, Math.Abs(values[i + c]));
                return;
            }

            int plane = values.Length / (shape[0] * channels);
            for (int i = 0; i < shape[0] * channels; i++)
                Note(i % channels, Math.Abs(TensorPrimitives.MaxMagnitude(values.Slice(i * plane, plane))));
        }

        public void Merge(MagnitudeCollector other)
        {
            if (Magnitudes.Length == 0)
                Magnitudes = new float[other.Magnitudes.Length];
            for (int c = 0; c < other.Magnitudes.Length; c++)
                Note(c, other.Magnitudes[c]);
        }

        private void Note(int channel, float magnitude)
        {
            if (float.IsFinite(magnitude) && magnitude > Magnitudes[channel])
                Magnitudes[channel] = magnitude;
        }
    }

    /// <summary>Sums of the channels of one value, [N, C, …]: quantized values count steps, exact ones fractions of a step.</summary>
    private sealed class MeanCollector(ActivationQuantization quantization) : ICollector<MeanCollector>
    {
        private const double UnitsPerStep = 1 << 20;

        private long[] _exact = [];
        private long[] _quantized = [];
        private float[] _steps = [];
        private long _count;

        public ChannelMeans Means => new(
            [.. _exact.Select((s, c) => s / UnitsPerStep * quantization.ScaleOf(c) / _count)],
            [.. _quantized.Select((s, c) => (double)s * quantization.ScaleOf(c) / _count)]);

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

            QuantizationParameters parameters = quantization.Tensor;
            (int min, int max) = parameters.DataType.IntegerRange();
            for (int i = 0; i < shape[0] * channels; i++)
            {
                ReadOnlySpan<float> channel = values.Slice(i * plane, plane);
                Span<float> steps = _steps.AsSpan(0, plane);
                float sum = TensorPrimitives.Sum(channel), scale = quantization.ScaleOf(i % channels);
                if (!float.IsFinite(sum))
                    continue;   // what is not finite has no mean; the range estimator leaves it out as well
                _exact[i % channels] += (long)Math.Round(sum / (double)scale * UnitsPerStep);
                TensorPrimitives.Divide(channel, scale, steps);
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
