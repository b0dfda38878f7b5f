// Repeated timed runs of one request.
using System.Diagnostics;
using Int8Runtime.Graph;

namespace Int8Runtime.Cli;

/// <summary>Times of repeated runs in milliseconds.</summary>
internal readonly record struct BenchmarkResult(int Runs, double Minimum, double Median, double AllocatedPerRun);

/// <summary>Runs requests again and again.</summary>
internal static class ModelBenchmark
{
    private const int MaximumRuns = 1_000_000, LeastRuns = 10;

    // Long enough for caches to hold the model again, short enough for both sides to see the same clock.
    private const double SliceSeconds = 0.05;

    /// <summary>Warms up, then measures for about the given time, at least ten runs.</summary>
    public static BenchmarkResult Measure(InferenceRequest request, double seconds, CancellationToken cancellation) =>
        Measure([request], seconds, cancellation)[0];

    /// <summary>
    /// Warms up, then measures each request for about the given time, at least ten runs: in turn, a slice of time each, so that what else
    /// the machine does meets all of them.
    /// </summary>
    public static BenchmarkResult[] Measure(IReadOnlyList<InferenceRequest> requests, double seconds, CancellationToken cancellation)
    {
        Series[] series = [.. requests.Select(r => new Series(r, seconds))];
        while (series.Any(s => !s.IsDone))
            foreach (Series one in series.Where(s => !s.IsDone))
                one.RunSlice(cancellation);
        return [.. series.Select(s => s.Result())];
    }

    // The runs of one request.
    private sealed class Series
    {
        private readonly InferenceRequest _request;
        private readonly double _seconds;
        private readonly double[] _times;
        private int _runs;
        private double _elapsed;
        private long _allocated, _allocatedUndisturbed;
        private int _runsUndisturbed;

        public Series(InferenceRequest request, double seconds)
        {
            (_request, _seconds) = (request, seconds);
            var watch = Stopwatch.StartNew();
            int warm = 0;
            for (; warm < 3 || (watch.Elapsed.TotalSeconds < Math.Min(0.5, seconds / 4) && warm < 1000); warm++)
                request.Run();
            _times = new double[CapacityFor(seconds, watch.Elapsed.TotalSeconds, warm)];
        }

        public bool IsDone => _runs == _times.Length || (_runs >= LeastRuns && _elapsed >= _seconds);

        public void RunSlice(CancellationToken cancellation)
        {
            long begin = Stopwatch.GetTimestamp(), allocated = GC.GetAllocatedBytesForCurrentThread();
            int collections = GC.CollectionCount(0), first = _runs;
            double slice;
            do
            {
                cancellation.ThrowIfCancellationRequested();
                long start = Stopwatch.GetTimestamp();
                _request.Run();
                _times[_runs++] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                slice = Stopwatch.GetElapsedTime(begin).TotalSeconds;
            }
            while (_runs < _times.Length && slice < SliceSeconds);
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            _allocated += allocated;
            _elapsed += slice;
            if (GC.CollectionCount(0) != collections)
                return;
            _allocatedUndisturbed += allocated;
            _runsUndisturbed += _runs - first;
        }

        public BenchmarkResult Result()
        {
            Array.Sort(_times, 0, _runs);
            double median = (_times[(_runs - 1) / 2] + _times[_runs / 2]) / 2;

            // A collection may count what a thread had only reserved; without an undisturbed slice all of them have to do.
            double allocated = _runsUndisturbed > 0 ? (double)_allocatedUndisturbed / _runsUndisturbed : (double)_allocated / _runs;
            return new BenchmarkResult(_runs, _times[0], median, allocated);
        }
    }

    /// <summary>Runs for which room is made beforehand: 20 times those that fit the time, because first runs are slow.</summary>
    /// <param name="seconds">Time to measure.</param>
    /// <param name="elapsed">Time of the first runs, in seconds.</param>
    /// <param name="runs">Number of the first runs.</param>
    internal static int CapacityFor(double seconds, double elapsed, int runs) =>
        (int)Math.Clamp(seconds / (elapsed / runs) * 20, LeastRuns, MaximumRuns);
}

/// <summary>Seeded random inputs.</summary>
internal static class BenchmarkInputs
{
    /// <summary>Fills every f32 input with values from −1 to 1 and every other input with zeros.</summary>
    public static void Fill(ModelGraph graph, InferenceRequest request)
    {
        var random = new Random(1);
        foreach (GraphValue input in graph.Inputs)
        {
            if (input.ElementType != DataType.Float32)
                continue;
            foreach (ref float value in request.Input(input.Name).AsSpan<float>())
                value = (random.NextSingle() * 2) - 1;
        }
    }
}
