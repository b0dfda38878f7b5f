// Runs the f32 model over a data set and watches the ranges of its values.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>Measures the range of each value of interest; the result does not depend on the number of threads.</summary>
internal static class Calibrator
{
    /// <summary>Observes the values for every sample of the set.</summary>
    /// <param name="engine">Runs the model.</param>
    /// <param name="graph">The f32 model; it is copied, not changed.</param>
    /// <param name="values">Values of <paramref name="graph"/> to observe.</param>
    /// <param name="samples">The calibration set.</param>
    /// <param name="createEstimator">Creates the estimator of one value.</param>
    /// <param name="progress">Told after each sample.</param>
    /// <param name="cancellation">Ends the calibration between two samples.</param>
    /// <exception cref="QuantizationException">The set does not fit the model's input.</exception>
    public static IReadOnlyDictionary<GraphValue, IRangeEstimator> Observe(
        CpuEngine engine, ModelGraph graph, IReadOnlyCollection<GraphValue> values, IDataset samples,
        Func<IRangeEstimator> createEstimator, IProgress<SampleProgress>? progress, CancellationToken cancellation)
    {
        string inputName = ModelInput.NameOf(graph, samples);
        ModelGraph observed = graph.Clone();
        foreach (GraphValue value in values)
        {
            if (observed.TryGetValue(value.Name, out GraphValue? twin) && !twin.IsGraphOutput && !twin.IsGraphInput)
                observed.AddOutput(twin);
        }

        using CompiledModel model = engine.Compile(observed);
        IReadOnlyList<Dictionary<GraphValue, IRangeEstimator>> workers = SampleRunner.Run(
            engine, model, inputName, samples,
            () => values.ToDictionary(v => v, _ => createEstimator()),
            static (estimators, _, request) =>
            {
                foreach ((GraphValue value, IRangeEstimator estimator) in estimators)
                    estimator.Observe((value.IsGraphInput ? request.Input(value.Name) : request.Output(value.Name)).AsSpan<float>());
            },
            progress, cancellation);
        foreach (Dictionary<GraphValue, IRangeEstimator> other in workers.Skip(1))
            foreach ((GraphValue value, IRangeEstimator estimator) in other)
                workers[0][value].Merge(estimator);
        return workers[0];
    }
}
