// Times both models in turn and splits the time over their nodes.
using System.Diagnostics;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Reporting;

/// <summary>Time of a model: the median run, and the median time of each step by name.</summary>
internal sealed record ModelTime(double Milliseconds, IReadOnlyDictionary<string, double> Steps);

/// <summary>Measures time. The models run in turn, so that a busy moment of the machine meets both.</summary>
internal static class LayerTiming
{
    private const int WarmUps = 3;
    private const int Rounds = 25;
    private const double BudgetSeconds = 4;

    /// <summary>Measures two requests whose inputs are filled.</summary>
    public static (ModelTime Float, ModelTime Int8) Measure(InferenceRequest first, InferenceRequest second, CancellationToken cancellation)
    {
        InferenceRequest[] requests = [first, second];
        var times = new List<double>[] { [], [] };
        for (int i = 0; i < WarmUps; i++)
            foreach (InferenceRequest request in requests)
                request.Run();
        var watch = Stopwatch.StartNew();
        int rounds = 0;
        for (; rounds < Rounds && (rounds < 3 || watch.Elapsed.TotalSeconds < BudgetSeconds); rounds++)
        {
            cancellation.ThrowIfCancellationRequested();
            for (int m = 0; m < requests.Length; m++)
            {
                long start = Stopwatch.GetTimestamp();
                requests[m].Run();
                times[m].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }

        // Single steps in runs of their own: looking at the clock between them takes time.
        var steps = new Dictionary<string, List<double>>[] { new(StringComparer.Ordinal), new(StringComparer.Ordinal) };
        for (int i = 0; i < rounds; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            for (int m = 0; m < requests.Length; m++)
                AddRun(requests[m], steps[m]);
        }

        ModelTime Of(int m) => new(Median(times[m]), steps[m].ToDictionary(s => s.Key, s => Median(s.Value), StringComparer.Ordinal));
        return (Of(0), Of(1));
    }

    private static void AddRun(InferenceRequest request, Dictionary<string, List<double>> steps)
    {
        request.IsProfiling = false;   // forgets what was measured
        request.IsProfiling = true;
        request.Run();
        foreach (IGrouping<string, StepTime> step in request.Profile().GroupBy(s => s.Name, StringComparer.Ordinal))
        {
            if (!steps.TryGetValue(step.Key, out List<double>? list))
                steps[step.Key] = list = [];
            list.Add(step.Sum(s => s.Total.TotalMilliseconds));
        }
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
