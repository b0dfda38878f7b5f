// Mean average precision of object detectors, as Pascal VOC and COCO define it.
namespace Int8Runtime.Quantization;

/// <summary>
/// <c>map50</c> (area under the curve), <c>map50_11pt</c> (Pascal VOC 2007) and <c>map50_95</c> (COCO: 101 points, mean over the
/// overlaps 0.5, 0.55, …, 0.95, the 100 surest detections of each class in an image), each the mean over the classes of which there
/// are objects.
/// The sample's annotation is a list of <see cref="LabelledBox"/>.
/// </summary>
/// <remarks>
/// VOC compares a detection with the object it overlaps most, found or not; COCO with the one it overlaps most among those not
/// yet found (the later one of two that it overlaps alike), and with a difficult one only if it overlaps no other. A detection of a
/// difficult object counts neither way.
/// </remarks>
public sealed class MeanAveragePrecisionMetric : IMetric
{
    private const int CocoDetections = 100; // of a class in an image

    private static readonly float[] Thresholds = [0.5f, 0.55f, 0.6f, 0.65f, 0.7f, 0.75f, 0.8f, 0.85f, 0.9f, 0.95f];

    private readonly IBoxDecoder _decoder;
    private readonly Dictionary<int, ClassRecord> _classes = [];

    /// <summary>Creates the metric.</summary>
    /// <param name="decoder">Turns the model's outputs into boxes.</param>
    public MeanAveragePrecisionMetric(IBoxDecoder decoder)
    {
        ArgumentNullException.ThrowIfNull(decoder);
        _decoder = decoder;
    }

    private enum Verdict : byte
    {
        Wrong,
        Right,
        Ignored,
    }

    /// <inheritdoc/>
    public string Name => "map";

    /// <inheritdoc/>
    public IReadOnlyList<MetricValue> Values =>
    [
        new("map50", MeanOverClasses(c => c.Precision(d => d.Voc, PrecisionInterpolation.Area))),
        new("map50_11pt", MeanOverClasses(c => c.Precision(d => d.Voc, PrecisionInterpolation.ElevenPoints))),
        new("map50_95", MeanOverClasses(c => Enumerable.Range(0, Thresholds.Length)
            .Average(t => c.Precision(d => d.Coco[t], PrecisionInterpolation.HundredAndOnePoints)))),
    ];

    /// <inheritdoc/>
    public IMetric CreateEmpty() => new MeanAveragePrecisionMetric(_decoder);

    /// <inheritdoc/>
    public void Add(ModelOutputs outputs, IDataset samples, int index)
    {
        if (samples.Annotation(index) is not IReadOnlyList<LabelledBox> objects)
        {
            throw MissingAnswers.Of(samples, i => samples.Annotation(i) is not IReadOnlyList<LabelledBox>, "boxes",
                "use a data set with YOLO or Pascal VOC annotations");
        }

        IReadOnlyList<DetectedBox> detections = _decoder.Decode(outputs, samples.SampleShape);
        Add(detections, objects, index);
    }

    /// <summary>Takes in one image.</summary>
    /// <param name="detections">What was found, in any order.</param>
    /// <param name="objects">What there is.</param>
    /// <param name="image">The image's number; it orders equally sure detections, so that the result does not depend on threads.</param>
    public void Add(IReadOnlyList<DetectedBox> detections, IReadOnlyList<LabelledBox> objects, int image)
    {
        foreach (LabelledBox labelled in objects)
            if (!labelled.IsDifficult)
                RecordOf(labelled.Class).Objects++;

        foreach (IGrouping<int, DetectedBox> group in detections.OrderByDescending(d => d.Score).GroupBy(d => d.Class))
        {
            LabelledBox[] candidates = [.. objects.Where(o => o.Class == group.Key)];
            DetectedBox[] found = [.. group];
            Verdict[] voc = Judge(found, candidates, Thresholds[0], isCoco: false);
            Verdict[][] coco = [.. Thresholds.Select(t => Judge(found, candidates, t, isCoco: true))];
            ClassRecord record = RecordOf(group.Key);
            for (int i = 0; i < found.Length; i++)
            {
                bool counts = i < CocoDetections;
                record.Detections.Add(new Detection(
                    found[i].Score, image, i, voc[i], [.. coco.Select(v => counts ? v[i] : Verdict.Ignored)]));
            }
        }
    }

    /// <inheritdoc/>
    public void Merge(IMetric other)
    {
        foreach ((int index, ClassRecord record) in ((MeanAveragePrecisionMetric)other)._classes)
        {
            ClassRecord mine = RecordOf(index);
            mine.Objects += record.Objects;
            mine.Detections.AddRange(record.Detections);
        }
    }

    private static Verdict[] Judge(DetectedBox[] found, LabelledBox[] objects, float threshold, bool isCoco)
    {
        var isFound = new bool[objects.Length];
        var verdicts = new Verdict[found.Length];
        for (int i = 0; i < found.Length; i++)
        {
            int best = -1;
            float overlap = 0;
            for (int o = 0; o < objects.Length; o++)
            {
                float candidate = found[i].Box.Overlap(objects[o].Box);
                if (candidate < threshold || (isCoco && isFound[o]))
                    continue;
                // Which of two objects is easier decides before the overlap does in COCO.
                bool isEasier = isCoco && best >= 0 && objects[best].IsDifficult && !objects[o].IsDifficult,
                    isHarder = isCoco && best >= 0 && !objects[best].IsDifficult && objects[o].IsDifficult;
                if (best < 0 || isEasier || (!isHarder && (isCoco ? candidate >= overlap : candidate > overlap)))
                    (best, overlap) = (o, candidate);
            }

            if (best < 0)
                continue;
            verdicts[i] = objects[best].IsDifficult ? Verdict.Ignored : isFound[best] ? Verdict.Wrong : Verdict.Right;
            isFound[best] |= !objects[best].IsDifficult;
        }

        return verdicts;
    }

    private ClassRecord RecordOf(int index)
    {
        if (!_classes.TryGetValue(index, out ClassRecord? record))
            _classes[index] = record = new ClassRecord();
        return record;
    }

    private double MeanOverClasses(Func<ClassRecord, double> figure)
    {
        ClassRecord[] present = [.. _classes.OrderBy(c => c.Key).Select(c => c.Value).Where(c => c.Objects > 0)];
        return present.Length > 0 ? present.Average(figure) : double.NaN;
    }

    private sealed record Detection(float Score, int Image, int Order, Verdict Voc, Verdict[] Coco);

    private sealed class ClassRecord
    {
        public int Objects { get; set; }

        public List<Detection> Detections { get; } = [];

        public double Precision(Func<Detection, Verdict> verdict, PrecisionInterpolation interpolation) => AveragePrecision.Compute(
            [.. Detections.OrderByDescending(d => d.Score).ThenBy(d => d.Image).ThenBy(d => d.Order)
                .Select(verdict).Where(v => v != Verdict.Ignored).Select(v => v == Verdict.Right)],
            Objects, interpolation);
    }
}
