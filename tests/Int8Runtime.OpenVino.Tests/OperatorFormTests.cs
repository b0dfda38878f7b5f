// Which operators of ONNX can be written as IR, and that those without a layer of their own compute the same as several.
using Int8Runtime.Graph;
using Int8Runtime.OpenVino.Export;
using Int8Runtime.TestKit;

namespace Int8Runtime.OpenVino.Tests;

public sealed class OperatorFormTests
{
    private static readonly ReferenceEngine s_engine = new();

    [Fact]
    public void Every_operator_is_written_or_listed_in_the_documentation()
    {
        string line = File.ReadLines(Repository.PathOf("docs/openvino.md"))
            .Single(l => l.StartsWith("Operators of ONNX that cannot be written: ", StringComparison.Ordinal));
        Assert.Equal(NodeExporters.Unwritten, line[(line.IndexOf(':') + 1)..].TrimEnd('.').Split(',').Select(o => o.Trim()));
    }

    [Theory]
    [InlineData("Celu", "alpha", 0.7f)]
    [InlineData("Celu", "", 0f)]
    [InlineData("ThresholdedRelu", "alpha", 0.4f)]
    [InlineData("Shrink", "bias", 0.2f)]
    [InlineData("Shrink", "lambd", 0.3f)]
    [InlineData("Size", "", 0f)]
    public void Operators_without_a_layer_become_several(string opType, string attribute, float value)
    {
        GraphAttributes attributes = [];
        if (attribute.Length > 0)
            attributes.Add(attribute, value);
        Check(opType, attributes, axes: null);
    }

    [Theory]
    [InlineData("ReduceSumSquare", true)]
    [InlineData("ReduceLogSum", false)]
    [InlineData("ReduceLogSumExp", true)]
    [InlineData("ReduceLogSumExp", false)]
    public void Reductions_without_a_layer_become_several(string opType, bool keep)
    {
        Check(opType, new GraphAttributes { { "keepdims", keep ? 1 : 0 } }, axes: [1, -1]);
        Check(opType, new GraphAttributes { { "keepdims", keep ? 1 : 0 } }, axes: null);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    public void Norms_of_windows_are_roots_of_means_of_powers(int p, bool padded) => Check("LpPool", new GraphAttributes
    {
        { "p", p }, { "kernel_shape", new long[] { 3, 2 } }, { "strides", new long[] { 1, 2 } },
        { "pads", padded ? new long[] { 1, 1, 2, 1 } : new long[4] },
    }, axes: null);

    [Fact]
    public void Operators_that_cannot_be_written_are_all_named_with_the_remedy()
    {
        var graph = new ModelGraph("refused");
        GraphValue x = graph.AddInput("x", DataType.Float32, GraphShape.Of([2, 3, 4, 2]));
        GraphValue hard = graph.AddOperation("Hardmax", "hard", [x]);
        graph.AddOutput(graph.AddOperation("Trilu", "lower", [hard]));
        string message = Assert.Throws<UnsupportedModelException>(() => OpenVinoModel.Check(graph)).Message;
        Assert.Contains("2 nodes have no form in OpenVINO's operator sets: Node 'hard' (Hardmax), Node 'lower' (Trilu).", message,
            StringComparison.Ordinal);
        Assert.EndsWith("Write the model as .onnx.", message, StringComparison.Ordinal);
        var pooled = new ModelGraph("pooled");
        pooled.AddOutput(pooled.AddOperation("LpPool", "norm", [pooled.AddInput("x", DataType.Float32, GraphShape.Of([1, 1, 5, 5]))],
            new GraphAttributes { { "kernel_shape", new long[] { 2, 2 } }, { "strides", new long[] { 2, 2 } }, { "ceil_mode", 1L } }));
        Assert.Contains("Node 'norm' (LpPool) has ceil_mode",
            Assert.Throws<UnsupportedModelException>(() => OpenVinoModel.Check(pooled)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Norms_of_the_spatial_dimensions_are_reductions(int p) =>
        Check("GlobalLpPool", new GraphAttributes { { "p", p } }, axes: null);

    [Theory]
    [InlineData(1, 3)]
    [InlineData(-3, 9)]
    public void A_part_of_a_shape_is_a_slice_of_it(int start, int end) =>
        Check("Shape", new GraphAttributes { { "start", start }, { "end", end } }, axes: null);

    private static void Check(string opType, GraphAttributes attributes, long[]? axes)
    {
        var graph = new ModelGraph("operator");
        // A free batch, so that Size does not follow from the shapes alone.
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(GraphDimension.Unknown, 3, 4, 2));
        graph.AddOutput(graph.AddOperation(opType, "y", axes is null ? [x] : [x, graph.AddConstant("axes", TensorData.Vector<long>(axes))],
            attributes));
        using var folder = new TemporaryFolder();
        ModelGraph written = folder.RoundTrip(graph);
        Assert.DoesNotContain(written.Nodes, n => n.OpType == opType && n.Attributes.Count == attributes.Count);
        float[] input = [.. Running.Random(48, 3).Select(v => opType == "ReduceLogSum" ? Math.Abs(v) : v)];
        Running.AssertClose(Run(graph, input), Run(written, input), 1e-6);
    }

    private static float[] Run(ModelGraph graph, float[] input)
    {
        using CompiledModel model = s_engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest(2);
        input.CopyTo(request.Input("x").AsSpan<float>());
        request.Run();
        TensorMemory result = request.Output("y");
        return result.Descriptor.DataType == DataType.Int64
            ? [.. result.AsSpan<long>().ToArray().Select(v => (float)v)] : result.AsSpan<float>().ToArray();
    }
}
