// Accuracy of a model whose right answers are known.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Tests.Metrics;

public sealed class ClassificationEvaluatorTests
{
    // The sample is the scores: class i % 6 is best, the next ones follow.
    private sealed class OneHot(int count, Func<int, int?> label) : IDataset
    {
        public string Name => "one-hot";

        public int Count => count;

        public Shape SampleShape => [6];

        public string SampleName(int index) => $"sample {index}";

        public int? Label(int index) => label(index);

        public void Load(int index, Span<float> destination)
        {
            for (int c = 0; c < 6; c++)
                destination[(index + c) % 6] = 10 - c;
        }
    }

    [Fact]
    public void Hits_and_predictions_are_counted()
    {
        var samples = new OneHot(120, i => i % 2 == 0 ? i % 6 : (i + 1) % 6);
        var predictions = new int[120];
        TopKAccuracy accuracy = Evaluate(samples, predictions: predictions);
        Assert.Equal((120, 0.5, 1.0), (accuracy.Count, accuracy.Top1, accuracy.Top5));
        Assert.Equal(Enumerable.Range(0, 120).Select(i => i % 6), predictions);
    }

    [Fact]
    public void Labels_can_be_shifted() => Assert.Equal(1, Evaluate(new OneHot(5, i => i % 6 - 1), labelOffset: 1).Top1);

    [Fact]
    public void Labels_that_are_missing_or_out_of_range_are_named()
    {
        Assert.Contains("1 of 3 samples of 'one-hot' has no label ('sample 2'); add", Failure(new OneHot(3, i => i == 2 ? null : 0)),
            StringComparison.Ordinal);
        string range = Failure(new OneHot(3, i => i == 1 ? 6 : 0));
        Assert.Contains("'sample 1' has label 6", range, StringComparison.Ordinal);
        Assert.Contains("6 classes", range, StringComparison.Ordinal);
        Assert.Contains("label offset", range, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(DataType.Float16)]
    [InlineData(DataType.BFloat16)]
    public void Models_of_narrow_real_numbers_are_fed_and_judged_as_others(DataType type)
    {
        var graph = new ModelGraph("narrow");
        GraphValue x = graph.AddInput("x", type, GraphShape.Of([1, 6]));
        GraphAttributes To(DataType target) => new() { { "to", ElementTypeCodes.ToCode(target) } };
        x = graph.AddOperation("Relu", "r", [graph.AddOperation("Cast", "f32", [x], To(DataType.Float32))]);
        graph.AddOutput(graph.AddOperation("Cast", "y", [x], To(type)));
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        Assert.Equal(1, ClassificationEvaluator.Evaluate(engine, graph, new OneHot(7, i => i % 6)).Top1);
        var integers = new ModelGraph("integers");
        integers.AddOutput(integers.AddOperation("Relu", "y", [integers.AddInput("x", DataType.Int32, GraphShape.Of([1, 6]))]));
        Assert.Contains(".npz", Assert.Throws<QuantizationException>(
            () => ClassificationEvaluator.Evaluate(engine, integers, new OneHot(7, i => i % 6))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Outputs_that_do_not_exist_are_refused_with_those_that_do()
    {
        var exception = Assert.Throws<QuantizationException>(() => Evaluate(new OneHot(1, _ => 0), output: "nothing"));
        Assert.Contains("no output 'nothing'; it has y", exception.Message, StringComparison.Ordinal);
    }

    private static string Failure(IDataset samples) => Assert.Throws<QuantizationException>(() => Evaluate(samples)).Message;

    private static TopKAccuracy Evaluate(IDataset samples, int labelOffset = 0, int[]? predictions = null, string? output = null)
    {
        var graph = new ModelGraph("identity");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(GraphDimension.Named("N"), 6));
        GraphValue y = graph.AddOperation("Relu", "y", [x]);
        y.ElementType = DataType.Float32;
        graph.AddOutput(y);
        using CpuEngine engine = CpuEngine.Create();
        return ClassificationEvaluator.Evaluate(engine, graph, samples, output, labelOffset, predictions);
    }
}
