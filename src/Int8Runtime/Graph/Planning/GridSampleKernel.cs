// GridSample with channels last: the channels of a pixel are mixed as vectors, so nothing is gathered element by element.
using System.Numerics;
using System.Runtime.InteropServices;
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Graph.Planning;

/// <summary>Mixes the channels of the pixels around each point. Points are divided among the workers.</summary>
/// <param name="view">The parameters.</param>
/// <param name="sourceDistance">Elements from a pixel of the source to the next one.</param>
/// <param name="resultDistance">The same of the result.</param>
internal sealed class GridSampleKernel(GridSampleView view, int sourceDistance, int resultDistance) : HostKernel
{
    // Multiplications that are worth another worker.
    private const long WorkOfThread = 1 << 15;

    private readonly GridTaps _taps = new(view);

    private readonly int _tapsOfPoint = (int)Math.Pow(
        view.Interpolation switch { GridInterpolation.Nearest => 1, GridInterpolation.Linear => 2, _ => 4 }, view.Dimensions);

    public override string Name => "grid-sample";

    private int Images { get; } = view.Source[0];

    private int Channels { get; } = view.Source[1];

    private int Dimensions => view.Dimensions;

    // Of an image of the source and of the result.
    private int Pixels { get; } = (int)view.Source[2..].ElementCount;

    private int Points { get; } = (int)view.Output[2..].ElementCount;

    private int SourceDistance => sourceDistance;

    private int ResultDistance => resultDistance;

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results) =>
        new Work(this, sources[0].Read<float>(), sources[1].Read<float>(), results[0].Write<float>()).Run(0, 1);

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results, IThreadPool pool, int threads)
    {
        var work = new Work(this, sources[0].Read<float>(), sources[1].Read<float>(), results[0].Write<float>());
        Parallel.Run(pool, (int)Math.Clamp(view.Output.ElementCount * _tapsOfPoint / WorkOfThread, 1, threads), ref work);
    }

    /// <summary>Elements from a pixel of a tensor with channels last to the next one.</summary>
    public static int PixelDistance(MemoryDescriptor memory)
    {
        for (int d = memory.Rank - 1; d >= 0; d--)
        {
            if (d != 1 && memory.Dimensions[d] > 1)
                return checked((int)memory.Strides[d]);
        }

        return memory.Dimensions[1];
    }

    private readonly ref struct Work(
        GridSampleKernel kernel, ReadOnlySpan<float> source, ReadOnlySpan<float> grid, Span<float> result) : IParallelBody
    {
        private readonly ReadOnlySpan<float> _source = source, _grid = grid;
        private readonly Span<float> _result = result;

        public void Run(int worker, int workers)
        {
            int dimensions = kernel.Dimensions, image = kernel.Pixels * kernel.SourceDistance;
            Span<int> places = stackalloc int[GridTaps.Most];
            Span<float> weights = stackalloc float[GridTaps.Most];
            (int start, int end) = Parallel.Share(kernel.Images * kernel.Points, worker, workers);
            for (int i = start; i < end; i++)
            {
                int count = kernel._taps.Find(_grid.Slice(i * dimensions, dimensions), places, weights);
                Mix(_source[(i / kernel.Points * image)..], kernel.SourceDistance, places[..count], weights[..count],
                    _result.Slice(i * kernel.ResultDistance, kernel.Channels));
            }
        }

        // The weighted sum of pixels, four in one pass over the channels.
        private static void Mix(
            ReadOnlySpan<float> image, int distance, ReadOnlySpan<int> places, ReadOnlySpan<float> weights, Span<float> target)
        {
            int t = 0;
            if (places.Length >= 4)
            {
                MixFour(image, distance, places, weights, target, isFirst: true);
                t = 4;
            }
            else if (places.Length == 1 && weights[0] == 1)
            {
                image.Slice(places[0] * distance, target.Length).CopyTo(target);
                return;
            }
            else
            {
                target.Clear();
            }

            for (; t <= places.Length - 4; t += 4)
                MixFour(image, distance, places[t..], weights[t..], target, isFirst: false);
            for (; t < places.Length; t++)
                Add(image.Slice(places[t] * distance, target.Length), weights[t], target);
        }

        private static void MixFour(ReadOnlySpan<float> image, int distance, ReadOnlySpan<int> places, ReadOnlySpan<float> weights,
            Span<float> target, bool isFirst)
        {
            int channels = target.Length;
            ReadOnlySpan<float> a = image.Slice(places[0] * distance, channels), b = image.Slice(places[1] * distance, channels),
                c = image.Slice(places[2] * distance, channels), d = image.Slice(places[3] * distance, channels);
            (float wa, float wb, float wc, float wd) = (weights[0], weights[1], weights[2], weights[3]);
            ReadOnlySpan<Vector<float>> va = Vectors(a), vb = Vectors(b), vc = Vectors(c), vd = Vectors(d);
            Span<Vector<float>> sums = MemoryMarshal.Cast<float, Vector<float>>(target);
            for (int i = 0; i < sums.Length; i++)
            {
                Vector<float> sum = (va[i] * wa) + (vb[i] * wb) + (vc[i] * wc) + (vd[i] * wd);
                sums[i] = isFirst ? sum : sums[i] + sum;
            }

            for (int i = sums.Length * Vector<float>.Count; i < channels; i++)
            {
                float sum = (a[i] * wa) + (b[i] * wb) + (c[i] * wc) + (d[i] * wd);
                target[i] = isFirst ? sum : target[i] + sum;
            }
        }

        private static void Add(ReadOnlySpan<float> pixel, float weight, Span<float> target)
        {
            ReadOnlySpan<Vector<float>> values = Vectors(pixel);
            Span<Vector<float>> sums = MemoryMarshal.Cast<float, Vector<float>>(target);
            for (int i = 0; i < sums.Length; i++)
                sums[i] += values[i] * weight;
            for (int i = sums.Length * Vector<float>.Count; i < target.Length; i++)
                target[i] += pixel[i] * weight;
        }

        private static ReadOnlySpan<Vector<float>> Vectors(ReadOnlySpan<float> values) => MemoryMarshal.Cast<float, Vector<float>>(values);
    }
}
