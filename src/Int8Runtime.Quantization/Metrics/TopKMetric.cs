// Top-1 and top-5 accuracy as a metric.
namespace Int8Runtime.Quantization;

/// <summary>Accuracy of a classifier: <c>top1</c> and <c>top5</c>.</summary>
public sealed class TopKMetric : IMetric
{
    private readonly string? _output;
    private readonly int _labelOffset;
    private readonly int[]? _predictions;

    /// <summary>Creates the metric.</summary>
    /// <param name="output">The output that holds the class scores; null for the first.</param>
    /// <param name="labelOffset">Added to each label, for models with classes in front of the data set's (for example background).</param>
    /// <param name="predictions">If given, receives the best class of each sample; as long as the set.</param>
    public TopKMetric(string? output = null, int labelOffset = 0, int[]? predictions = null)
    {
        _output = output;
        _labelOffset = labelOffset;
        _predictions = predictions;
    }

    /// <inheritdoc/>
    public string Name => "top-k";

    /// <summary>The counts.</summary>
    public TopKAccuracy Accuracy { get; } = new();

    /// <inheritdoc/>
    public IReadOnlyList<MetricValue> Values => [new("top1", Accuracy.Top1), new("top5", Accuracy.Top5)];

    /// <inheritdoc/>
    public IMetric CreateEmpty() => new TopKMetric(_output, _labelOffset, _predictions);

    /// <inheritdoc/>
    public void Add(ModelOutputs outputs, IDataset samples, int index)
    {
        ReadOnlySpan<float> scores = outputs.Values(_output);
        Accuracy.Add(scores, SampleClass.Of(samples, index, _labelOffset, scores.Length, _output ?? outputs.Names[0]));
        if (_predictions is not null)
            _predictions[index] = TopKAccuracy.Best(scores, 1)[0];
    }

    /// <inheritdoc/>
    public void Merge(IMetric other) => Accuracy.Merge(((TopKMetric)other).Accuracy);
}
