// Measures the ranges of values on a data set.
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
        ValueObserver.Run(
            engine, graph, values, samples,
            () => values.ToDictionary(v => v, _ => createEstimator()),
            static (estimators, value, memory, sample) => estimators[value].Observe(memory.AsSpan<float>(), sample),
            static (whole, part) =>
            {
                foreach ((GraphValue value, IRangeEstimator estimator) in part)
                    whole[value].Merge(estimator);
            },
            progress, cancellation, out Dictionary<GraphValue, IRangeEstimator> estimators);
        return estimators;
    }
}
