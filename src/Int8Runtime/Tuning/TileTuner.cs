// Measures the tiles that come into question for each product of a model, where it runs.
using System.Diagnostics;
using Int8Runtime.Graph.Planning;

namespace Int8Runtime.Tuning;

/// <summary>What measuring a product gave.</summary>
/// <param name="Step">Name of the step of the model.</param>
/// <param name="Problem">The problem.</param>
/// <param name="Model">The cost model's tile.</param>
/// <param name="Fastest">The fastest tile.</param>
/// <param name="ModelMilliseconds">Smallest time with the cost model's tile.</param>
/// <param name="FastestMilliseconds">Smallest time with the fastest tile.</param>
public readonly record struct TileMeasurement(
    string Step, ProblemLine Problem, KernelTile Model, KernelTile Fastest, double ModelMilliseconds, double FastestMilliseconds);

/// <summary>Tries tiles on the bound steps of a request: the memory, weights and threads are those of real runs.</summary>
internal static class TileTuner
{
    // A sample repeats a step for at least this long; tiles alternate, and each counts by its smallest sample.
    private const double SampleMilliseconds = 0.3;

    private const int Samples = 9;

    // Another tile has to be faster by this to be taken: what is less may be noise.
    private const double Gain = 0.98;

    /// <summary>Measures the primitives of a plan, each once, and keeps the fastest tiles.</summary>
    /// <param name="steps">The steps of the plan.</param>
    /// <param name="arena">The request's memory.</param>
    /// <param name="stream">Where they run.</param>
    /// <param name="tuning">Receives the tiles.</param>
    /// <param name="progress">Is told how many products are done.</param>
    /// <param name="cancellation">Ends the measuring; what is measured stays.</param>
    public static IReadOnlyList<TileMeasurement> Run(
        IReadOnlyList<PlannedStep> steps, TensorMemory arena, ExecutionStream stream, TileTuning tuning,
        IProgress<(int Done, int Total)>? progress,
        CancellationToken cancellation)
    {
        PrimitiveStep[] products = [.. steps.OfType<PrimitiveStep>().DistinctBy(s => s.Primitive).Where(s => s.Primitive.Tiles.Count > 1)];
        var measurements = new List<TileMeasurement>();
        for (int i = 0; i < products.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            TileMeasurement measurement = Measure(products[i], arena, stream);
            measurements.Add(measurement);
            tuning.Set(stream.Engine, measurement.Problem, measurement.Fastest);
            progress?.Report((i + 1, products.Length));
        }

        return measurements;
    }

    private static TileMeasurement Measure(PrimitiveStep step, TensorMemory arena, ExecutionStream stream)
    {
        Primitive planned = step.Primitive;
        IReadOnlyList<KernelTile> tiles = planned.Tiles;
        BoundStep[] bound = [.. tiles.Select(t => step.Bind(arena, stream.Engine.CreateWith(t, planned.Descriptor, planned.Attributes)))];
        var least = new double[tiles.Count];
        int repetitions = 1;
        while (Time(bound[0], repetitions, stream) < SampleMilliseconds && repetitions < 1 << 16)
            repetitions *= 2;
        Array.Fill(least, double.PositiveInfinity);
        for (int sample = 0; sample < Samples; sample++)
        {
            for (int t = 0; t < bound.Length; t++)
                least[t] = Math.Min(least[t], Time(bound[t], repetitions, stream) / repetitions);
        }

        int fastest = Array.IndexOf(least, least.Min());
        if (least[fastest] > Gain * least[0])
            fastest = 0;
        return new TileMeasurement(step.Name, planned.Report.Problem, tiles[0], tiles[fastest], least[0], least[fastest]);
    }

    private static double Time(BoundStep step, int repetitions, ExecutionStream stream)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < repetitions; i++)
            step.Execute(stream);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
