// Average precision against its definition, decoders against boxes that were encoded, suppression against its property.
using Int8Runtime.TestKit;

namespace Int8Runtime.Quantization.Tests.Metrics;

public sealed class DetectionMetricTests
{
    private static readonly Box Left = new(0, 0, 10, 10), Right = new(20, 0, 30, 10);

    [Theory]
    [InlineData(PrecisionInterpolation.Area, 0)]
    [InlineData(PrecisionInterpolation.ElevenPoints, 10)]
    [InlineData(PrecisionInterpolation.HundredAndOnePoints, 100)]
    public void Average_precision_equals_its_definition(PrecisionInterpolation interpolation, int steps)
    {
        var random = new Random(3);
        for (int round = 0; round < 60; round++)
        {
            bool[] right = [.. Enumerable.Range(0, random.Next(30)).Select(_ => random.Next(3) > 0)];
            int objects = Math.Max(1, right.Count(r => r) + random.Next(4));

            // Best precision at a recall of at least r, straight from the definition.
            (double Recall, double Precision)[] curve = [.. Enumerable.Range(1, right.Length)
                .Select(n => (right.Take(n).Count(r => r) / (double)objects, right.Take(n).Count(r => r) / (double)n))];
            double Best(double recall) => curve.Where(c => c.Recall >= recall - 1e-12).Select(c => c.Precision).DefaultIfEmpty(0).Max();
            double expected = steps == 0
                ? Enumerable.Range(1, objects).Sum(k => Best(k / (double)objects)) / objects
                : Enumerable.Range(0, steps + 1).Average(k => Best(k / (double)steps));
            Assert.Equal(expected, AveragePrecision.Compute(right, objects, interpolation), 9);
        }
    }

    [Fact]
    public void Finding_every_object_exactly_is_1_and_finding_nothing_0()
    {
        LabelledBox[] objects = [new(Left, 0), new(Right, 1)];
        var all = new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Rows));
        all.Add([new(Left, 0, 0.9f), new(Right, 1, 0.8f)], objects, 0);
        Assert.All(all.Values, v => Assert.Equal(1, v.Value, 12));
        var none = new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Rows));
        none.Add([new(Left, 1, 0.9f)], objects, 0);
        Assert.All(none.Values, v => Assert.Equal(0, v.Value));
    }

    [Fact]
    public void A_second_hit_of_one_object_is_wrong_and_a_difficult_object_counts_neither_way()
    {
        var metric = new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Rows));
        metric.Add([new(Left, 0, 0.9f), new(Left, 0, 0.8f), new(Right, 0, 0.7f)], [new(Left, 0), new(Right, 0)], 0);
        Assert.Equal((1 + (2 / 3.0)) / 2, metric.Values[0].Value, 12);
        var difficult = new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Rows));
        difficult.Add([new(Right, 0, 0.95f), new(Left, 0, 0.9f)], [new(Left, 0), new(Right, 0, IsDifficult: true)], 0);
        Assert.Equal(1, difficult.Values[0].Value, 12);
    }

    [Fact]
    public void A_difficult_object_beside_an_easy_one_counts_by_its_overlap_in_voc_and_after_the_easy_one_in_coco()
    {
        // The detection covers the difficult object exactly, and 9 tenths of the easy one.
        var metric = new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Rows));
        Box easy = new(0, 0, 10, 10), difficult = new(0, 0, 10, 9);
        metric.Add([new(difficult, 0, 0.9f)], [new(easy, 0), new(difficult, 0, IsDifficult: true)], 0);
        // COCO: right up to the threshold 0.9, at 0.95 the difficult object takes it.
        Assert.Equal([0, 0, 0.9], metric.Values.Select(v => Math.Round(v.Value, 9)));
    }

    [Fact]
    public void Tighter_overlaps_lower_only_the_coco_figure()
    {
        // Overlap 0.8: right up to threshold 0.8, which are 7 of 10.
        var metric = new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Rows));
        metric.Add([new(new Box(0, 0, 10, 8), 0, 0.9f)], [new(Left, 0)], 0);
        Assert.Equal([1, 1, 0.7], metric.Values.Select(v => Math.Round(v.Value, 9)));
    }

    [Theory]
    [InlineData(99, 1)] // the hit is the 100th detection of its class, and the 200th of the image
    [InlineData(100, 0)]
    public void Coco_takes_a_hundred_detections_of_each_class_in_an_image(int surer, double expected)
    {
        var metric = new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Rows));
        Box nowhere = new(50, 50, 60, 60);
        DetectedBox[] others = [.. Enumerable.Range(0, 100).Select(_ => new DetectedBox(nowhere, 1, 0.95f))];
        DetectedBox[] wrong = [.. Enumerable.Range(0, surer).Select(_ => new DetectedBox(nowhere, 0, 0.9f))];
        metric.Add([.. others, .. wrong, new(Left, 0, 0.8f)], [new(Left, 0)], 0);
        Assert.Equal(1.0 / (surer + 1), metric.Values[0].Value, 12); // VOC has no limit
        Assert.Equal(expected / (surer + 1), metric.Values[2].Value, 12);
    }

    [Fact]
    public void Of_objects_that_are_overlapped_alike_coco_gives_the_later_one_to_the_surest_detection()
    {
        // The surest overlaps both objects by 0.5; the next one only the later object, by 0.75.
        var metric = new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Rows));
        Box first = new(0, 0, 10, 5), second = new(0, 5, 10, 10);
        metric.Add(
            [new(Left, 0, 0.9f), new(new Box(0, 6.25f, 10, 10), 0, 0.8f)], [new(first, 0), new(second, 0)], 0);
        // At 0.5 the later object is taken, so one of two is found; from 0.55 to 0.75 only the second detection is right.
        double half = 51 / 101.0;
        Assert.Equal(((half * 1) + (5 * half * 0.5)) / 10, metric.Values[2].Value, 9);
    }

    [Fact]
    public void The_order_of_images_does_not_matter()
    {
        var random = new Random(8);
        Box Any() => new(random.Next(20), random.Next(20), 20 + random.Next(20), 20 + random.Next(20));
        var images = Enumerable.Range(0, 12).Select(_ => (
            Found: Enumerable.Range(0, 6).Select(_ => new DetectedBox(Any(), random.Next(3), random.Next(5) / 5f)).ToArray(),
            Objects: Enumerable.Range(0, 4).Select(_ => new LabelledBox(Any(), random.Next(3))).ToArray())).ToArray();
        var whole = new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Rows));
        var parts = new[] { new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Rows)),
            new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Rows)) };
        for (int i = 0; i < images.Length; i++)
        {
            whole.Add(images[i].Found, images[i].Objects, i);
            int reversed = images.Length - 1 - i;
            parts[i % 2].Add(images[reversed].Found, images[reversed].Objects, reversed);
        }

        parts[0].Merge(parts[1]);
        Assert.Equal(whole.Values, parts[0].Values);
        Assert.InRange(whole.Values[0].Value, 0.001, 0.999);
    }

    [Theory]
    [InlineData(YoloxLayout.Rows)]
    [InlineData(YoloxLayout.Planes)]
    public void Boxes_that_were_encoded_for_yolox_are_decoded(YoloxLayout layout)
    {
        const int Channels = 5 + 4, Side = 64, Cells = (8 * 8) + (4 * 4) + (2 * 2);
        var output = new float[Cells * Channels];
        void Set(int first, int count, int cell, int channel, float value) =>
            output[layout == YoloxLayout.Rows ? ((first + cell) * Channels) + channel : (first * Channels) + (channel * count)
                + cell] = value;
        float Logit(float p) => layout == YoloxLayout.Rows ? p : MathF.Log(p / (1 - p));
        int at = 0;
        foreach (int count in new[] { 64, 16, 4 })
        {
            for (int cell = 0; cell < count; cell++)
                for (int c = 4; c < Channels; c++)
                    Set(at, count, cell, c, Logit(1e-6f));
            at += count;
        }

        // Stride 16: cell (1, 2), centre (28, 36), size 20×12, class 3.
        (int start, int inGrid, int index) = (64, 16, (2 * 4) + 1);
        float[] box = [(28 / 16f) - 1, (36 / 16f) - 2, MathF.Log(20 / 16f), MathF.Log(12 / 16f), Logit(0.9f)];
        for (int c = 0; c < box.Length; c++)
            Set(start, inGrid, index, c, box[c]);
        Set(start, inGrid, index, 5 + 3, Logit(0.5f));

        IReadOnlyList<DetectedBox> found = new YoloxDecoder(layout)
            .Decode(Outputs(("output", [1, Cells, Channels], output)), [3, Side, Side]);
        DetectedBox only = Assert.Single(found);
        Assert.Equal(3, only.Class);
        Assert.Equal(0.45f, only.Score, 5);
        Assert.Equal([18f, 30, 38, 42],
            new[] { only.Box.Left, only.Box.Top, only.Box.Right, only.Box.Bottom }.Select(v => MathF.Round(v, 3)));
        Assert.Contains("YOLOX gives [1, 84,", Assert.Throws<QuantizationException>(
            () => new YoloxDecoder(layout).Decode(Outputs(("output", [1, 3, 3], new float[9])), [3, Side, Side])).Message,
                StringComparison.Ordinal);
    }

    [Fact]
    public void Scores_and_relative_boxes_are_decoded_without_the_background()
    {
        IReadOnlyList<DetectedBox> found = new ScoresAndBoxesDecoder(thresholds: new DecoderThresholds(0.5f, 0.5f)).Decode(
            Outputs(("scores", [1, 3, 2], [0.1f, 0.9f, 0.8f, 0.2f, 0.3f, 0.7f]),
                ("boxes", [1, 3, 4], [0, 0, 0.5f, 0.5f, 0, 0, 1, 1, 0.5f, 0.5f, 1, 1])),
            [3, 100, 200]);
        Assert.Equal([new(new Box(0, 0, 100, 50), 0, 0.9f), new DetectedBox(new Box(100, 50, 200, 100), 0, 0.7f)], found);
    }

    [Fact]
    public void Suppression_keeps_no_overlapping_pair_and_drops_nothing_without_cause()
    {
        var random = new Random(2);
        DetectedBox[] boxes = [.. Enumerable.Range(0, 200).Select(_ =>
        {
            (float x, float y) = (random.Next(60), random.Next(60));
            return new DetectedBox(new Box(x, y, x + 5 + random.Next(30), y + 5 + random.Next(30)), random.Next(3), random.NextSingle());
        })];
        IReadOnlyList<DetectedBox> kept = NonMaximumSuppression.Apply(boxes, 0.4f);
        foreach (DetectedBox a in kept)
            Assert.DoesNotContain(kept, b => b != a && b.Class == a.Class && a.Box.Overlap(b.Box) > 0.4f);
        foreach (DetectedBox dropped in boxes.Except(kept))
            Assert.Contains(kept, k => k.Class == dropped.Class && k.Score >= dropped.Score && k.Box.Overlap(dropped.Box) > 0.4f);
    }

    [Fact]
    public void A_detector_finds_the_objects_of_real_images()
    {
        if (!ExternalData.TryGet("data/onnx/yolox_nano_coco.onnx", out string? path)
            || !ExternalData.TryGet("data/coco/images/val2017", out string? images))
            return;
        IDataset samples = DatasetFactory.Open(images, Preprocessing.FromPreset("yolox")).Subset(8);
        using CpuEngine engine = CpuEngine.Create();
        IMetric metric = MetricEvaluator.Evaluate(
            engine, Int8Runtime.Onnx.OnnxModel.Load(path), samples, new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Planes)));
        Assert.InRange(metric.Values[0].Value, 0.3, 0.9);
    }

    private static ModelOutputs Outputs(params (string Name, int[] Shape, float[] Values)[] outputs) => new(
        [.. outputs.Select(o => o.Name)],
        name => outputs.Where(o => o.Name == name)
            .Select(o => TensorMemory.From<float>(new MemoryDescriptor(o.Shape, DataType.Float32), o.Values)).Single());
}
