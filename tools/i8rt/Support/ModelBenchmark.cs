// Repeated timed runs of one request.
using System.Diagnostics;
using Int8Runtime.Graph;

namespace Int8Runtime.Cli;

/// <summary>Times of repeated runs in milliseconds.</summary>
internal readonly record struct BenchmarkResult(int Runs, double Minimum, double Median, double AllocatedPerRun);

/// <summary>Runs a request again and again.</summary>
internal static class ModelBenchmark
{
    private const int MaximumRuns = 1_000_000;

    /// <summary>Warms up, then measures for about the given time, at least ten runs.</summary>
    public static BenchmarkResult Measure(InferenceRequest request, double seconds, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        int warm = 0;
        for (; warm < 3 || (watch.Elapsed.TotalSeconds < Math.Min(0.5, seconds / 4) && warm < 1000); warm++)
            request.Run();
        var times = new double[CapacityFor(seconds, watch.Elapsed.TotalSeconds, warm)];
        int runs = 0;
        watch.Restart();
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        while (runs < times.Length && (runs < 10 || watch.Elapsed.TotalSeconds < seconds))
        {
            cancellation.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            request.Run();
            times[runs++] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        Array.Sort(times, 0, runs);
        return new BenchmarkResult(runs, times[0], times[runs / 2], (double)allocated / runs);
    }

    /// <summary>Runs for which room is made beforehand: 20 times those that fit the time, because first runs are slow.</summary>
    /// <param name="seconds">Time to measure.</param>
    /// <param name="elapsed">Time of the first runs, in seconds.</param>
    /// <param name="runs">Number of the first runs.</param>
    internal static int CapacityFor(double seconds, double elapsed, int runs) =>
        (int)Math.Clamp(seconds / (elapsed / runs) * 20, 10, MaximumRuns);
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
