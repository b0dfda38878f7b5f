// From the outputs of detectors to boxes: YOLOX in both of its layouts, and models that give scores and boxes.
namespace Int8Runtime.Quantization;

/// <summary>Turns the outputs of a detector into boxes; the place for models of other kinds.</summary>
public interface IBoxDecoder
{
    /// <summary>Decodes the outputs for one image.</summary>
    /// <param name="outputs">The outputs, batch size 1.</param>
    /// <param name="sampleShape">Shape of the model's input without the batch dimension, [channels, height, width].</param>
    /// <returns>Boxes in pixels of the model's input, overlapping ones suppressed.</returns>
    /// <exception cref="QuantizationException">The outputs do not have the expected shapes.</exception>
    IReadOnlyList<DetectedBox> Decode(ModelOutputs outputs, Shape sampleShape);
}

/// <summary>Thresholds of a decoder.</summary>
/// <param name="MinimumScore">Boxes with a lower score are dropped.</param>
/// <param name="MaximumOverlap">Of two boxes of one class that overlap more, the surer one stays.</param>
public readonly record struct DecoderThresholds(float MinimumScore = 0.01f, float MaximumOverlap = 0.6f)
{
    /// <summary>0.01 and 0.6: what detectors are usually measured with.</summary>
    public static DecoderThresholds Default { get; } = new(0.01f, 0.6f);
}

/// <summary>The order of a YOLOX model's output.</summary>
public enum YoloxLayout
{
    /// <summary>[1, cells, 5 + classes], objectness and classes are probabilities: the published export.</summary>
    Rows,

    /// <summary>One block of planes [5 + classes, cells] for each stride, one after another, nothing but logits.</summary>
    Planes,
}

/// <summary>
/// Decodes YOLOX (Ge et al., arXiv:2107.08430): for each cell (column, row) of the grids with strides 8, 16 and 32 four box values,
/// objectness and class scores. Centre = (value + cell)·stride, size = exp(value)·stride, score = objectness · best class.
/// </summary>
public sealed class YoloxDecoder : IBoxDecoder
{
    private const int BoxValues = 5;

    private static readonly int[] Strides = [8, 16, 32];

    private readonly YoloxLayout _layout;
    private readonly DecoderThresholds _thresholds;

    /// <summary>Creates a decoder.</summary>
    public YoloxDecoder(YoloxLayout layout, DecoderThresholds? thresholds = null)
    {
        _layout = layout;
        _thresholds = thresholds ?? DecoderThresholds.Default;
    }

    /// <inheritdoc/>
    public IReadOnlyList<DetectedBox> Decode(ModelOutputs outputs, Shape sampleShape)
    {
        (int height, int width) = (sampleShape[1], sampleShape[2]);
        int cells = Strides.Sum(s => height / s * (width / s));
        ReadOnlySpan<float> values = outputs.Values();
        Shape shape = outputs.ShapeOf();
        if (shape.Rank != 3 || shape[0] != 1 || shape[1] != cells || shape[2] <= BoxValues)
            throw new QuantizationException(
                $"output '{outputs.Names[0]}' has shape {shape}; YOLOX gives [1, {cells}, 5 + classes] for an input of "
                + $"{height}x{width}");
        int channels = shape[2], first = 0;
        var found = new List<DetectedBox>();
        foreach (int stride in Strides)
        {
            int columns = width / stride, count = height / stride * columns;
            for (int cell = 0; cell < count; cell++)
            {
                // Where the cell's first value lies, and how far apart its values are.
                (int at, int step) = _layout == YoloxLayout.Rows ? ((first + cell) * channels, 1) : ((first * channels) + cell, count);
                int best = BoxValues;
                for (int c = BoxValues + 1; c < channels; c++)
                    if (values[at + (c * step)] > values[at + (best * step)])
                        best = c;
                float score = Probability(values[at + (4 * step)]) * Probability(values[at + (best * step)]);
                if (!(score >= _thresholds.MinimumScore))
                    continue;
                float x = (values[at] + (cell % columns)) * stride, y = (values[at + step] + (cell / columns)) * stride;
                float w = MathF.Exp(values[at + (2 * step)]) * stride, h = MathF.Exp(values[at + (3 * step)]) * stride;
                found.Add(new DetectedBox(new Box(x - (w / 2), y - (h / 2), x + (w / 2), y + (h / 2)), best - BoxValues, score));
            }

            first += count;
        }

        return NonMaximumSuppression.Apply(found, _thresholds.MaximumOverlap);
    }

    private float Probability(float value) => _layout == YoloxLayout.Rows ? value : 1 / (1 + MathF.Exp(-value));
}

/// <summary>
/// Decodes models that give scores [1, boxes, classes] and boxes [1, boxes, 4] = left, top, right, bottom relative to the input's
/// size, as UltraFace does. With two or more columns, column 0 is the background.
/// </summary>
public sealed class ScoresAndBoxesDecoder : IBoxDecoder
{
    private readonly string? _scores;
    private readonly string? _boxes;
    private readonly DecoderThresholds _thresholds;

    /// <summary>Creates a decoder.</summary>
    /// <param name="scores">Name of the output with the scores; null for the first output.</param>
    /// <param name="boxes">Name of the output with the boxes; null for the second output.</param>
    /// <param name="thresholds">Thresholds; null for the defaults.</param>
    public ScoresAndBoxesDecoder(string? scores = null, string? boxes = null, DecoderThresholds? thresholds = null)
    {
        _scores = scores;
        _boxes = boxes;
        _thresholds = thresholds ?? DecoderThresholds.Default;
    }

    /// <inheritdoc/>
    public IReadOnlyList<DetectedBox> Decode(ModelOutputs outputs, Shape sampleShape)
    {
        if (_boxes is null && outputs.Names.Count < 2)
            throw new QuantizationException(
                $"the model has the output {string.Join(", ", outputs.Names)} only; scores and boxes are two outputs");
        string scoresName = _scores ?? outputs.Names[0], boxesName = _boxes ?? outputs.Names[1];
        ReadOnlySpan<float> scores = outputs.Values(scoresName), boxes = outputs.Values(boxesName);
        Shape shape = outputs.ShapeOf(scoresName);
        if (shape.Rank != 3 || shape[0] != 1 || boxes.Length != shape[1] * 4)
            throw new QuantizationException(
                $"outputs '{scoresName}' {shape} and '{boxesName}' {outputs.ShapeOf(boxesName)} are not [1, boxes, classes] "
                + "and [1, boxes, 4]");
        (int height, int width, int classes) = (sampleShape[1], sampleShape[2], shape[2]);
        int background = classes > 1 ? 1 : 0;
        var found = new List<DetectedBox>();
        for (int i = 0; i < shape[1]; i++)
        {
            var box = new Box(boxes[4 * i] * width, boxes[(4 * i) + 1] * height, boxes[(4 * i) + 2] * width, boxes[(4 * i) + 3] * height);
            for (int c = background; c < classes; c++)
                if (scores[(i * classes) + c] >= _thresholds.MinimumScore)
                    found.Add(new DetectedBox(box, c - background, scores[(i * classes) + c]));
        }

        return NonMaximumSuppression.Apply(found, _thresholds.MaximumOverlap);
    }
}

/// <summary>Drops boxes that overlap a surer one of the same class.</summary>
public static class NonMaximumSuppression
{
    /// <summary>Returns the boxes that stay, surest first.</summary>
    /// <param name="boxes">The boxes, in any order; among equally sure ones the earlier ranks first.</param>
    /// <param name="maximumOverlap">Boxes that overlap a kept one by more than this are dropped.</param>
    public static IReadOnlyList<DetectedBox> Apply(IEnumerable<DetectedBox> boxes, float maximumOverlap)
    {
        var kept = new List<DetectedBox>();
        var ofClass = new Dictionary<int, List<Box>>();
        foreach (DetectedBox candidate in boxes.OrderByDescending(b => b.Score))
        {
            if (!ofClass.TryGetValue(candidate.Class, out List<Box>? rivals))
                ofClass[candidate.Class] = rivals = [];
            if (rivals.Exists(r => r.Overlap(candidate.Box) > maximumOverlap))
                continue;
            rivals.Add(candidate.Box);
            kept.Add(candidate);
        }

        return kept;
    }
}
