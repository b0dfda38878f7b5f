// Mean and variance of the channels of values, over a data set.
using System.Numerics.Tensors;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Pruning;

/// <summary>Mean and variance of each channel of a value.</summary>
internal sealed record ChannelMoments(double[] Mean, double[] Variance);

/// <summary>Measures moments; the result does not depend on the number of threads.</summary>
internal static class ChannelStatistics
{
    /// <summary>Measures values of a model. Only the part of the model that computes them is run.</summary>
    public static IReadOnlyDictionary<string, ChannelMoments> Measure(
        CpuEngine engine, ModelGraph graph, IReadOnlyCollection<string> values, IDataset samples, CancellationToken cancellation)
    {
        ModelGraph part = graph.Clone();
        part.SetOutputs(values.Select(name => part.TryGetValue(name, out GraphValue? value)
            ? value
            : throw new ArgumentException($"There is no value '{name}'.", nameof(values))));
        SampleFeed feed = SampleFeed.Of(part, samples);
        using CompiledModel model = engine.Compile(part);
        IReadOnlyList<Dictionary<string, Sums>> workers = SampleRunner.Run(
            engine, model, feed, samples, () => values.ToDictionary(v => v, _ => new Sums(), StringComparer.Ordinal),
            static (sums, _, request) =>
            {
                foreach ((string name, Sums sum) in sums)
                    sum.Add(request.Output(name));
            },
            progress: null, cancellation);
        foreach (Dictionary<string, Sums> other in workers.Skip(1))
            foreach ((string name, Sums sum) in other)
                workers[0][name].Merge(sum);
        return workers[0].ToDictionary(w => w.Key, w => w.Value.Moments, StringComparer.Ordinal);
    }

    // Sums in units of 2⁻³², as integers: their order does not matter.
    private sealed class Sums
    {
        private const double Unit = 1L << 32;

        private Int128[] _sums = [];
        private Int128[] _squares = [];
        private long _count;

        public ChannelMoments Moments
        {
            get
            {
                double[] mean = Array.ConvertAll(_sums, s => (double)s / Unit / _count);
                return new ChannelMoments(mean,
                    [.. _squares.Select((s, c) => Math.Max(0, ((double)s / Unit / _count) - (mean[c] * mean[c])))]);
            }
        }

        public void Add(TensorMemory memory)
        {
            Shape shape = memory.Descriptor.Dimensions;
            ReadOnlySpan<float> values = memory.AsSpan<float>();
            int channels = shape[1], plane = values.Length / (shape[0] * channels);
            Resize(channels);
            for (int i = 0; i < shape[0] * channels; i++)
            {
                ReadOnlySpan<float> channel = values.Slice(i * plane, plane);
                _sums[i % channels] += (Int128)Math.Round(TensorPrimitives.Sum(channel) * Unit);
                _squares[i % channels] += (Int128)Math.Round(TensorPrimitives.SumOfSquares(channel) * Unit);
            }

            _count += (long)shape[0] * plane;
        }

        public void Merge(Sums other)
        {
            if (other._count == 0)
                return;
            Resize(other._sums.Length);
            for (int c = 0; c < _sums.Length; c++)
            {
                _sums[c] += other._sums[c];
                _squares[c] += other._squares[c];
            }

            _count += other._count;
        }

        private void Resize(int channels)
        {
            if (_sums.Length == 0)
                (_sums, _squares) = (new Int128[channels], new Int128[channels]);
        }
    }
}
