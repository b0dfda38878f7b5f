// Accuracy of a classifier over a labelled data set.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>Runs a classifier over labelled samples and counts the hits.</summary>
public static class ClassificationEvaluator
{
    /// <summary>Measures top-1 and top-5 accuracy.</summary>
    /// <param name="engine">Runs the model.</param>
    /// <param name="graph">A model with one image input.</param>
    /// <param name="samples">Samples that all have labels.</param>
    /// <param name="outputName">The output that holds the class scores; null for the first.</param>
    /// <param name="labelOffset">Added to each label, for models with classes in front of the data set's (for example background).</param>
    /// <param name="predictions">If given, receives the best class of each sample; as long as the set.</param>
    /// <param name="progress">Told after each sample.</param>
    /// <param name="cancellation">Ends the evaluation between two samples.</param>
    /// <exception cref="QuantizationException">The samples do not fit the model, or a label is missing or out of range.</exception>
    public static TopKAccuracy Evaluate(
        CpuEngine engine, ModelGraph graph, IDataset samples, string? outputName = null, int labelOffset = 0,
        int[]? predictions = null, IProgress<SampleProgress>? progress = null, CancellationToken cancellation = default)
    {
        var metric = new TopKMetric(outputName, labelOffset, predictions);
        return MetricEvaluator.Evaluate(engine, graph, samples, metric, progress, cancellation).Accuracy;
    }
}
