// Mean intersection over union of semantic segmentation.
using System.Globalization;

namespace Int8Runtime.Quantization;

/// <summary>
/// <c>miou</c>, the mean over the classes that occur, and <c>pixel_accuracy</c>. The output is [1, classes, height, width]; the
/// class of a pixel is the one with the best score. The sample's annotation is a <see cref="NpyArray"/> with a class for each pixel.
/// </summary>
public sealed class MeanIntersectionOverUnionMetric : IMetric
{
    private readonly string? _output;
    private readonly int _ignored;
    private ConfusionMatrix? _matrix;

    /// <summary>Creates the metric.</summary>
    /// <param name="output">The output that holds the scores; null for the first.</param>
    /// <param name="ignored">Pixels with this class do not count; 255 is what data sets use for borders.</param>
    public MeanIntersectionOverUnionMetric(string? output = null, int ignored = 255)
    {
        _output = output;
        _ignored = ignored;
    }

    /// <inheritdoc/>
    public string Name => "miou";

    /// <inheritdoc/>
    public IReadOnlyList<MetricValue> Values => _matrix is not { } matrix || matrix.Total == 0
        ? [new("miou", double.NaN), new("pixel_accuracy", double.NaN)]
        :
        [
            new("miou", Enumerable.Range(0, matrix.Classes).Where(matrix.Occurs).Average(matrix.IntersectionOverUnion)),
            new("pixel_accuracy", Enumerable.Range(0, matrix.Classes).Sum(c => matrix[c, c]) / (double)matrix.Total),
        ];

    /// <inheritdoc/>
    public IMetric CreateEmpty() => new MeanIntersectionOverUnionMetric(_output, _ignored);

    /// <inheritdoc/>
    public void Add(ModelOutputs outputs, IDataset samples, int index)
    {
        Shape shape = outputs.ShapeOf(_output);
        string name = samples.SampleName(index);
        if (samples.Annotation(index) is not NpyArray target)
            throw MissingAnswers.Of(samples, i => samples.Annotation(i) is not NpyArray, "map of classes", "add targets.npy");
        if (shape.Rank != 4 || shape[0] != 1 || target.Length != shape[2] * shape[3])
            throw new QuantizationException(
                $"'{name}' has a map of {target.Length} pixels, but the output's shape is {shape}; [1, classes, height, width] "
                + "of the same size is needed");
        ReadOnlySpan<float> scores = outputs.Values(_output);
        float[] classes = target.ToFloats();
        int count = shape[1], pixels = classes.Length;
        _matrix ??= new ConfusionMatrix(count);
        for (int pixel = 0; pixel < pixels; pixel++)
        {
            var truth = (int)classes[pixel];
            if (truth == _ignored)
                continue;
            if ((uint)truth >= (uint)count)
                throw new QuantizationException(string.Create(CultureInfo.InvariantCulture,
                    $"'{name}' has a pixel of class {truth}, but the model knows {count}"));
            int best = 0;
            for (int c = 1; c < count; c++)
                if (scores[(c * pixels) + pixel] > scores[(best * pixels) + pixel])
                    best = c;
            _matrix.Add(truth, best);
        }
    }

    /// <inheritdoc/>
    public void Merge(IMetric other)
    {
        if (((MeanIntersectionOverUnionMetric)other)._matrix is { } matrix)
            (_matrix ??= new ConfusionMatrix(matrix.Classes)).Merge(matrix);
    }
}
