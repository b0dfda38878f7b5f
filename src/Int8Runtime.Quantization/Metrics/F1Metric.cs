// F1, precision and recall of a classifier.
namespace Int8Runtime.Quantization;

/// <summary>
/// <c>f1</c>, <c>precision</c> and <c>recall</c>: of class 1 for a model with two classes or a single score (above a threshold is
/// class 1), otherwise the plain mean over the classes that occur (macro average).
/// </summary>
public sealed class F1Metric : IMetric
{
    private readonly string? _output;
    private readonly int _labelOffset;
    private readonly float _threshold;
    private ConfusionMatrix? _matrix;

    /// <summary>Creates the metric.</summary>
    /// <param name="output">The output that holds the class scores; null for the first.</param>
    /// <param name="labelOffset">Added to each label.</param>
    /// <param name="threshold">For models with a single score: larger is class 1 (0.5 for a probability, 0 for a logit).</param>
    public F1Metric(string? output = null, int labelOffset = 0, float threshold = 0.5f)
    {
        _output = output;
        _labelOffset = labelOffset;
        _threshold = threshold;
    }

    /// <inheritdoc/>
    public string Name => "f1";

    /// <inheritdoc/>
    public IReadOnlyList<MetricValue> Values =>
        [new("f1", Mean(m => m.F1)), new("precision", Mean(m => m.Precision)), new("recall", Mean(m => m.Recall))];

    /// <inheritdoc/>
    public IMetric CreateEmpty() => new F1Metric(_output, _labelOffset, _threshold);

    /// <inheritdoc/>
    public void Add(ModelOutputs outputs, IDataset samples, int index)
    {
        ReadOnlySpan<float> scores = outputs.Values(_output);
        int classes = Math.Max(2, scores.Length);
        int truth = SampleClass.Of(samples, index, _labelOffset, classes, _output ?? outputs.Names[0]);
        int predicted = scores.Length == 1 ? (scores[0] > _threshold ? 1 : 0) : TopKAccuracy.Best(scores, 1)[0];
        (_matrix ??= new ConfusionMatrix(classes)).Add(truth, predicted);
    }

    /// <inheritdoc/>
    public void Merge(IMetric other)
    {
        if (((F1Metric)other)._matrix is { } matrix)
            (_matrix ??= new ConfusionMatrix(matrix.Classes)).Merge(matrix);
    }

    private double Mean(Func<ConfusionMatrix, Func<int, double>> figure)
    {
        if (_matrix is not { } matrix)
            return double.NaN;
        return matrix.Classes == 2
            ? figure(matrix)(1)
            : Enumerable.Range(0, matrix.Classes).Where(matrix.Occurs).Average(figure(matrix));
    }
}
