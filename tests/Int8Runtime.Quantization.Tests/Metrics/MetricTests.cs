// Metrics against values computed by hand or by brute force, and a metric and a data set of a user's own.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Tests.Metrics;

public sealed class MetricTests
{
    // The model's input is its output, so a sample is what the model "says".
    private sealed class Says(Shape shape, float[][] outputs, Func<int, int?> label, Func<int, object?>? annotation = null) : IDataset
    {
        public string Name => "says";

        public int Count => outputs.Length;

        public Shape SampleShape => shape;

        public string SampleName(int index) => $"sample {index}";

        public int? Label(int index) => label(index);

        public object? Annotation(int index) => annotation?.Invoke(index);

        public void Load(int index, Span<float> destination) => outputs[index].CopyTo(destination);
    }

    // What a user writes: the mean absolute difference between output and a number that the data set knows.
    private sealed class UserMetric : IMetric
    {
        private double _sum;
        private int _count;

        public string Name => "closeness";

        public IReadOnlyList<MetricValue> Values => [new("closeness", 1 - (_sum / _count))];

        public IMetric CreateEmpty() => new UserMetric();

        public void Add(ModelOutputs outputs, IDataset samples, int index)
        {
            _sum += Math.Abs(outputs.Values()[0] - (double)samples.Annotation(index)!);
            _count++;
        }

        public void Merge(IMetric other)
        {
            _sum += ((UserMetric)other)._sum;
            _count += ((UserMetric)other)._count;
        }
    }

    [Fact]
    public void A_metric_and_a_data_set_of_a_user_are_evaluated_like_any_other()
    {
        var samples = new Says([1], [.. Enumerable.Range(0, 10).Select(i => new[] { i / 10f })], _ => null,
            i => (object)(i % 2 == 0 ? i / 10.0 : (i / 10.0) + 0.5));
        IMetric metric = Evaluate(samples, new UserMetric());
        Assert.Equal(0.75, metric.Values[0].Value, 6);
        Assert.Equal(0.75, Evaluate(samples.Subset(10), new UserMetric()).Values[0].Value, 6);
    }

    [Fact]
    public void Top_k_as_a_metric_equals_the_counter()
    {
        var samples = new Says([6], [[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1], [0, 0, 9, 0, 0, 0]], i => new int?[] { 5, 5, 2 }[i]);
        Assert.Equal([new MetricValue("top1", 2 / 3.0), new MetricValue("top5", 2 / 3.0)], Evaluate(samples, new TopKMetric()).Values);
    }

    [Fact]
    public void F1_of_two_classes_is_that_of_class_1()
    {
        // Scores of class 1: two hits, one miss, one false alarm.
        var samples = new Says([1], [[0.9f], [0.8f], [0.2f], [0.7f], [0.1f]], i => new[] { 1, 1, 1, 0, 0 }[i]);
        IMetric metric = Evaluate(samples, new F1Metric());
        Assert.Equal([2 / 3.0, 2 / 3.0, 2 / 3.0], metric.Values.Select(v => v.Value));
        Assert.Equal(["f1", "precision", "recall"], metric.Values.Select(v => v.Name));
    }

    [Fact]
    public void F1_of_many_classes_is_the_mean_over_those_that_occur()
    {
        // Class 0: TP 1, FN 1 → 2/3. Class 1: TP 1, FP 1 → 2/3. Class 2 never occurs.
        var samples = new Says([3], [[1, 0, 0], [0, 1, 0], [0, 1, 0]], i => new[] { 0, 0, 1 }[i]);
        Assert.Equal(2 / 3.0, Evaluate(samples, new F1Metric()).Values[0].Value, 12);
    }

    [Fact]
    public void The_area_under_the_curve_equals_the_share_of_ordered_pairs()
    {
        var random = new Random(5);
        for (int round = 0; round < 50; round++)
        {
            (float Score, bool IsMember)[] scores =
                [.. Enumerable.Range(0, random.Next(2, 40)).Select(_ => ((float)random.Next(8), random.Next(2) == 0))];
            float[] members = [.. scores.Where(s => s.IsMember).Select(s => s.Score)],
            others = [.. scores.Where(s => !s.IsMember).Select(s => s.Score)];
            double pairs = members.Sum(m => others.Sum(o => m > o ? 1 : m == o ? 0.5 : 0)) / (members.Length * (double)others.Length);
            double area = AreaUnderCurveMetric.OfScores(scores);
            Assert.True(double.IsNaN(pairs) ? double.IsNaN(area) : Math.Abs(pairs - area) < 1e-12, $"{pairs} and {area}");
        }
    }

    [Fact]
    public void The_area_of_a_model_with_two_logits_is_that_of_their_difference()
    {
        var samples = new Says([2], [[0, 1], [5, 4], [0, 3], [2, 0]], i => new[] { 1, 0, 1, 0 }[i]);
        Assert.Equal(1, Evaluate(samples, new AreaUnderCurveMetric()).Values[0].Value);
    }

    [Fact]
    public void Mean_intersection_over_union_counts_pixels()
    {
        // 1×4 pixels, 3 classes: predicted 0 1 1 2; true 0 0 1 255 (ignored). Class 0: 1/2, class 1: 1/2, class 2 never occurs.
        float[] planes = [9, 0, 0, 0, 0, 9, 9, 0, 0, 0, 0, 9];
        var truth = new NpyArray(DataType.UInt8, [1, 4], [0, 0, 1, 255]);
        IMetric metric = Evaluate(new Says([3, 1, 4], [planes], _ => null, _ => truth), new MeanIntersectionOverUnionMetric());
        Assert.Equal(0.5, metric.Values[0].Value, 12);
        Assert.Equal(2 / 3.0, metric.Values[1].Value, 12);
    }

    [Fact]
    public void What_a_metric_needs_and_does_not_get_is_named()
    {
        var samples = new Says([2], [[0, 1]], _ => null);
        foreach (IMetric metric in new IMetric[] { new TopKMetric(), new F1Metric(), new AreaUnderCurveMetric() })
            Assert.Contains("1 of 1 samples of 'says' has no label ('sample 0'); add",
                Assert.Throws<QuantizationException>(() => Evaluate(samples, metric)).Message, StringComparison.Ordinal);
        Assert.Contains("no map of classes",
            Assert.Throws<QuantizationException>(() => Evaluate(samples, new MeanIntersectionOverUnionMetric())).Message,
            StringComparison.Ordinal);
        Assert.Contains("no boxes", Assert.Throws<QuantizationException>(
            () => Evaluate(samples, new MeanAveragePrecisionMetric(new YoloxDecoder(YoloxLayout.Rows)))).Message, StringComparison.Ordinal);
        Assert.Contains("4 of 5 samples of 'says' have no boxes ('sample 0', 'sample 1', 'sample 3', …); use", MissingAnswers.Of(
            new Says([2], [[0, 1], [0, 1], [0, 1], [0, 1], [0, 1]], _ => null), i => i != 2, "boxes", "use others").Message,
            StringComparison.Ordinal);
        Assert.Contains("no output 'z'; it has y",
            Assert.Throws<QuantizationException>(() => Evaluate(samples, new TopKMetric("z"))).Message, StringComparison.Ordinal);
    }

    private static IMetric Evaluate(IDataset samples, IMetric metric)
    {
        var graph = new ModelGraph("identity");
        GraphDimension[] shape = [GraphDimension.Named("N"), .. samples.SampleShape.Span.ToArray().Select(GraphDimension.Of)];
        GraphValue y = graph.AddOperation("Relu", "y", [graph.AddInput("x", DataType.Float32, new GraphShape(shape))]);
        y.ElementType = DataType.Float32;
        graph.AddOutput(y);
        using CpuEngine engine = CpuEngine.Create();
        return MetricEvaluator.Evaluate(engine, graph, samples, metric);
    }
}
