// Runs a model over a data set and lets a metric judge the outputs.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>Measures a model with any metric on any data set.</summary>
public static class MetricEvaluator
{
    /// <summary>Runs the model on every sample. The result does not depend on the number of threads.</summary>
    /// <typeparam name="TMetric">The metric's type.</typeparam>
    /// <param name="engine">Runs the model.</param>
    /// <param name="graph">A model whose inputs the samples fit.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="metric">The metric, with its options; it is not changed.</param>
    /// <param name="progress">Told after each sample.</param>
    /// <param name="cancellation">Ends the evaluation between two samples.</param>
    /// <returns>A metric that has seen all samples.</returns>
    /// <exception cref="QuantizationException">The samples do not fit the model, or the metric cannot judge them.</exception>
    public static TMetric Evaluate<TMetric>(
        CpuEngine engine, ModelGraph graph, IDataset samples, TMetric metric,
        IProgress<SampleProgress>? progress = null, CancellationToken cancellation = default)
        where TMetric : class, IMetric
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(metric);
        SampleFeed feed = SampleFeed.Of(graph, samples);
        using CompiledModel model = engine.Compile(graph);
        string[] names = [.. graph.Outputs.Select(o => o.Name)];
        IReadOnlyList<IMetric> parts = SampleRunner.Run(
            engine, model, feed, samples, metric.CreateEmpty,
            (part, index, request) => part.Add(new ModelOutputs(names, request.Output), samples, index),
            progress, cancellation);
        foreach (IMetric part in parts.Skip(1))
            parts[0].Merge(part);
        return (TMetric)parts[0];
    }
}
