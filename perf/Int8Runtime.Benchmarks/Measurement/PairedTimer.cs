// Times two sides in turn, so that both see the same clock and the same neighbours.
using System.Diagnostics;

namespace Int8Runtime.Benchmarks;

/// <summary>Times of one execution, in seconds.</summary>
internal readonly record struct Timing(double Minimum, double Median)
{
    /// <summary>Minimum and median of samples, which are sorted.</summary>
    public static Timing Of(List<double> samples)
    {
        samples.Sort();
        int middle = samples.Count / 2;
        double median = samples.Count % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
        return new Timing(samples[0], median);
    }
}

/// <summary>
/// Alternates samples of the sides; a sample repeats its side until it is long enough for the clock and warm caches. Every other round
/// goes backwards, so that each side as often follows as precedes each other one: what runs first decides clock and caches of the next.
/// </summary>
/// <param name="seconds">Time for each side.</param>
/// <param name="hasWorkers">
/// Whether sides have threads of their own. Those of the side before still spin for some milliseconds, and processors that slept are slow to
/// come back: each side then rests, runs for a while unmeasured, and is sampled several times in its turn.
/// </param>
internal sealed class PairedTimer(double seconds, bool hasWorkers)
{
    private const double SampleSeconds = 200e-6, WarmUpSeconds = 0.015, TurnSeconds = 0.05;

    private const int MinimumSamples = 7, MinimumTurns = 3;

    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(20);

    /// <summary>Measures every side, alternating, after warming each up.</summary>
    public Timing[] Measure(params ReadOnlySpan<Action> sides)
    {
        var repetitions = new int[sides.Length];
        var samples = new List<double>[sides.Length];
        for (int s = 0; s < sides.Length; s++)
        {
            sides[s]();
            sides[s]();
            repetitions[s] = (int)Math.Clamp(SampleSeconds / Time(sides[s], 1), 1, 100_000);
            samples[s] = [];
        }

        long start = Stopwatch.GetTimestamp();
        double budget = seconds * sides.Length;
        for (int turn = 0; IsTooShort(turn, samples[0].Count) || Stopwatch.GetElapsedTime(start).TotalSeconds < budget; turn++)
        {
            for (int i = 0; i < sides.Length; i++)
            {
                int s = turn % 2 == 1 ? sides.Length - 1 - i : i;
                if (hasWorkers)
                {
                    Thread.Sleep(Rest);
                    Repeat(sides[s], repetitions[s], WarmUpSeconds, []);
                }

                Repeat(sides[s], repetitions[s], hasWorkers ? TurnSeconds : 0, samples[s]);
            }
        }

        return [.. samples.Select(Timing.Of)];
    }

    private bool IsTooShort(int turns, int samples) => samples < MinimumSamples || (hasWorkers && turns < MinimumTurns);

    private static void Repeat(Action side, int repetitions, double seconds, List<double> samples)
    {
        long start = Stopwatch.GetTimestamp();
        do
            samples.Add(Time(side, repetitions));
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds);
    }

    private static double Time(Action side, int repetitions)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < repetitions; i++)
            side();
        return Math.Max(Stopwatch.GetElapsedTime(start).TotalSeconds, 1e-9) / repetitions;
    }
}
