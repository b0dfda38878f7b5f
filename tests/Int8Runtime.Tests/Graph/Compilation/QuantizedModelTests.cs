// Models with QuantizeLinear and DequantizeLinear: what runs in int8, against the same model computed in f32.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class QuantizedModelTests
{
    private const float Step = 0.05f;

    // One step: a rounding boundary may fall differently because sums of integers are exact and those of f32 are not.
    private static ModelExplanation AssertWithinOneStep(ModelGraph graph) => Runner.AssertPassesKeepResults(graph, Step * 1.001f);

    [Theory]
    [InlineData(DataType.UInt8, DataType.Int8, 0)]
    [InlineData(DataType.Int8, DataType.Int8, 0)]
    [InlineData(DataType.UInt8, DataType.Int8, 3)]
    [InlineData(DataType.UInt8, DataType.UInt8, 128)]
    [InlineData(DataType.Int8, DataType.UInt8, 120)]
    public void Convolutions_run_in_integers(DataType source, DataType weights, int weightsZeroPoint)
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Edge(sketch.Input(1, 3, 6, 6), 0.01f, source == DataType.UInt8 ? 120 : -5, source);
        GraphValue conv = sketch.Op("Conv", x, sketch.QuantizedWeights(weights, weightsZeroPoint, 4, 3, 3, 3), sketch.Random(4));
        ModelExplanation explanation = AssertWithinOneStep(sketch.Output(sketch.Edge(sketch.Op("Relu", conv), Step, 10)));
        NodeExplanation node = explanation.Nodes.Single(n => n.OpType == "Conv");
        Assert.Equal($"{source.ToShortName()}·s8→u8", node.Precision);
        Assert.True(node.IsInt8);
        Assert.Equal(2, node.FusedNodes.Count);
    }

    [Theory]
    [InlineData(0.01f)]
    [InlineData(0.37f)]
    public void An_integer_bias_counts_with_its_own_scale(float scale)
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Edge(sketch.Input(1, 3, 6, 6), 0.01f, 120);
        GraphValue bias = sketch.Op("DequantizeLinear", sketch.Constant(TensorData.Vector<int>(1, -2, 3, -4)),
            sketch.Constant(TensorData.Scalar(scale)));
        ModelGraph graph = sketch.Output(
            sketch.Edge(sketch.Op("Conv", x, sketch.QuantizedWeights(DataType.Int8, 0, 4, 3, 3, 3), bias), Step, 100));
        Assert.True(AssertWithinOneStep(graph).Nodes.Single(n => n.OpType == "Conv").IsInt8);
    }

    [Fact]
    public void A_classifier_without_quantized_output_gives_f32_from_integers()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Edge(sketch.Input(2, 6), 0.01f, 120);
        ModelGraph graph = sketch.Output(sketch.Op("Gemm", new GraphAttributes { { "transB", 1 } }, x,
            sketch.QuantizedWeights(DataType.Int8, 0, 5, 6), sketch.Random(5)));
        Assert.Equal("u8·s8→f32", Runner.AssertPassesKeepResults(graph).Nodes.Single(n => n.OpType == "Gemm").Precision);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Residual_additions_read_integers(bool stillNeeded)
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Edge(sketch.Conv(sketch.Input(1, 3, 6, 6), 3, 4), 0.03f, 128);
        GraphValue branch = sketch.Op("Conv", x, sketch.QuantizedWeights(DataType.Int8, 0, 4, 4, 1, 1), sketch.Random(4));
        GraphValue other = stillNeeded ? x : sketch.Edge(sketch.Conv(sketch.Input(1, 3, 6, 6), 3, 4), 0.04f, 120);
        GraphValue sum = sketch.Edge(sketch.Op("Relu", sketch.Op("Add", branch, other)), Step, 0);
        ModelExplanation explanation = AssertWithinOneStep(sketch.Output(sum, x));
        NodeExplanation node = explanation.Nodes.Last(n => n.OpType == "Conv");
        Assert.True(node.IsInt8);
        Assert.Equal(3, node.FusedNodes.Count);
        Assert.Equal(stillNeeded, node.Notes.Any(n => n.StartsWith("copies", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(DataType.UInt8, 130)]
    [InlineData(DataType.Int8, -3)]
    public void A_quantizer_between_product_and_residual_addition_rounds_in_registers(DataType type, int zeroPoint)
    {
        // The scale is so coarse, and the range so narrow, that leaving the quantizer out would show.
        var sketch = new ModelSketch();
        GraphValue x = sketch.Edge(sketch.Conv(sketch.Input(1, 3, 6, 6), 3, 4), 0.03f, 128);
        GraphValue branch = sketch.Edge(
            sketch.Op("Conv", x, sketch.QuantizedWeights(DataType.Int8, 0, 4, 4, 1, 1), sketch.Random(4)), 8 * Step, zeroPoint, type);
        GraphValue other = sketch.Edge(sketch.Conv(sketch.Input(1, 3, 6, 6), 3, 4), 0.04f, 120);
        GraphValue sum = sketch.Edge(sketch.Op("Relu", sketch.Op("Add", branch, other)), Step, 0);
        ModelExplanation explanation = AssertWithinOneStep(sketch.Output(sum));
        Assert.DoesNotContain(explanation.Nodes, n => n.OpType == "Add");
        Assert.Contains(explanation.Passes, p => p.Change.Contains("in registers", StringComparison.Ordinal));
    }

    [Fact]
    public void Additions_poolings_and_activations_run_in_integers()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Edge(sketch.Input(1, 4, 6, 6), 0.01f, 120),
            y = sketch.Edge(sketch.Input(1, 4, 6, 6), 0.02f, 3, DataType.Int8);
        GraphValue sum = sketch.Edge(sketch.Op("Add", x, y), Step, 60);
        GraphValue product = sketch.Edge(sketch.Op("Mul", sum, y), Step, 60);
        GraphValue pooled = sketch.Edge(
            sketch.Op("AveragePool", new GraphAttributes { { "kernel_shape", new[] { 2, 2 } } }, product), 0.02f, 100);
        GraphValue activated = sketch.Edge(sketch.Op("Sigmoid", pooled), 0.01f, 0);
        GraphValue mean = sketch.Edge(sketch.Op("GlobalAveragePool", activated), 0.01f, 0);
        ModelExplanation explanation = AssertWithinOneStep(sketch.Output(mean));
        foreach (string opType in (string[])["Add", "Mul", "AveragePool", "Sigmoid", "GlobalAveragePool"])
            Assert.True(explanation.Nodes.Single(n => n.OpType == opType).IsInt8, opType);
    }

    [Fact]
    public void Movement_is_transparent()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Edge(sketch.Op("Conv", sketch.Edge(sketch.Input(1, 3, 6, 6), 0.01f, 120),
            sketch.QuantizedWeights(DataType.Int8, 0, 4, 3, 3, 3)), Step, 128);
        GraphValue pooled = sketch.Op("MaxPool", new GraphAttributes { { "kernel_shape", new[] { 2, 2 } } }, x);
        GraphValue flat = sketch.Op("Reshape", pooled, sketch.Constant(TensorData.Vector<long>(1, -1)));
        ModelGraph graph = sketch.Output(sketch.Op("Gemm", new GraphAttributes { { "transB", 1 } }, flat,
            sketch.QuantizedWeights(DataType.Int8, 0, 5, 36), sketch.Random(5)));
        ModelExplanation explanation = AssertWithinOneStep(graph);
        Assert.Equal("u8→u8", explanation.Nodes.Single(n => n.OpType == "MaxPool").Precision);
        Assert.Equal("u8·s8→f32", explanation.Nodes.Single(n => n.OpType == "Gemm").Precision);
        Assert.Equal(0, explanation.Reorders);
    }

    [Fact]
    public void A_quantization_after_pooling_moves_to_the_product()
    {
        var sketch = new ModelSketch();
        GraphValue conv = sketch.Op("Conv", sketch.Edge(sketch.Input(1, 3, 6, 6), 0.01f, 120),
            sketch.QuantizedWeights(DataType.Int8, 0, 4, 3, 3, 3));
        GraphValue pooled = sketch.Op("MaxPool", new GraphAttributes { { "kernel_shape", new[] { 2, 2 } } }, conv);
        Assert.Equal("u8·s8→u8",
            AssertWithinOneStep(sketch.Output(sketch.Edge(pooled, Step, 128))).Nodes.Single(n => n.OpType == "Conv").Precision);
    }

    [Theory]
    [InlineData(0.05f, 0)]
    [InlineData(0.02f, 1)]
    public void Concatenations_requantize_only_what_has_another_scale(float scale, int requantizations)
    {
        var sketch = new ModelSketch();
        GraphValue Branch() =>
            sketch.Op("Conv", sketch.Edge(sketch.Input(1, 3, 6, 6), 0.01f, 120),
                sketch.QuantizedWeights(DataType.Int8, 0, 4, 3, 3, 3));
        GraphValue concat = sketch.Op("Concat", new GraphAttributes { { "axis", 1 } }, sketch.Edge(Branch(), Step, 128),
            sketch.Edge(Branch(), scale, 128));
        ModelExplanation explanation = AssertWithinOneStep(sketch.Output(sketch.Edge(concat, Step, 128)));
        Assert.Equal("view", explanation.Nodes.Single(n => n.OpType == "Concat").Implementation);
        Assert.Equal(requantizations, explanation.Nodes.Count(n => n.Precision == "u8→u8" && n.OpType == "QuantizeLinear"));
    }

    [Theory]
    [InlineData("Clip", DataType.UInt8)]
    [InlineData("Relu", DataType.UInt8)]
    [InlineData("PRelu", DataType.Int8)]
    [InlineData("Add", DataType.Int8)]
    [InlineData("MaxPool", DataType.Int8)]
    public void Scales_of_channels_before_a_depthwise_convolution_become_one(string between, DataType type)
    {
        var sketch = new ModelSketch();
        GraphValue source = sketch.Edge(sketch.Input(1, 4, 6, 6), 0.02f, 3);
        GraphValue value = sketch.Op("Conv", new GraphAttributes { { "pads", new[] { 1, 1, 1, 1 } } }, source,
            sketch.QuantizedWeights(DataType.Int8, 0, 6, 4, 3, 3), sketch.Random(6));
        value = between switch
        {
            "Clip" => sketch.Op("Clip", value, sketch.Constant(TensorData.Scalar(0f)), sketch.Constant(TensorData.Scalar(60f))),
            "PRelu" => sketch.Op("PRelu", value, sketch.Random(6, 1, 1)),
            "Add" => sketch.Op("Add", value, sketch.Random(1, 6, 1, 1)),
            "MaxPool" => sketch.Op("MaxPool", new GraphAttributes { { "kernel_shape", new[] { 2, 2 } } }, value),
            _ => sketch.Op(between, value),
        };
        GraphValue scales = sketch.Constant(TensorData.Vector<float>([.. Enumerable.Range(0, 6).Select(c => 0.05f * (1 + c % 3))]));
        GraphValue zeros = sketch.Constant(type == DataType.Int8
            ? TensorData.Vector<sbyte>(new sbyte[6]) : TensorData.Vector<byte>(new byte[6]));
        var axis = new GraphAttributes { { "axis", 1 } };
        value = sketch.Op("DequantizeLinear", axis, sketch.Op("QuantizeLinear", axis, value, scales, zeros), scales, zeros);
        value = sketch.Op("Conv", new GraphAttributes { { "group", 6 } }, value, sketch.QuantizedWeights(DataType.Int8, 0, 12, 1, 3, 3));
        ModelExplanation explanation = Runner.AssertPassesKeepResults(sketch.Output(value), 0.05f);
        Assert.Contains(explanation.Passes, e => e.Pass == "channel-quantization-folding");
        Assert.All(explanation.Nodes.Where(n => n.OpType == "Conv"), n => Assert.True(n.IsInt8, n.Precision));
    }

    [Fact]
    public void Scales_of_channels_change_integer_and_real_biases_to_the_same_bits()
    {
        const int Channels = 64;
        var random = new Random(3);
        int[] integers = [.. Enumerable.Range(0, Channels).Select(_ => random.Next(-20000, 20000))];
        float[] steps = [.. integers.Select(_ => 1e-3f * (0.1f + random.NextSingle()))];
        float[] Bias(Func<ModelSketch, GraphValue> bias)
        {
            var sketch = new ModelSketch();
            GraphValue value = sketch.Op("Conv", sketch.Input(1, 4, 6, 6), sketch.QuantizedWeights(DataType.Int8, 0, Channels, 4, 3, 3),
                bias(sketch));
            GraphValue scales = sketch.Constant(TensorData.Vector<float>([.. Enumerable.Range(1, Channels).Select(c => 0.007f * c)])),
                zeros = sketch.Constant(TensorData.Vector<byte>(new byte[Channels]));
            var axis = new GraphAttributes { { "axis", 1 } };
            value = sketch.Op("DequantizeLinear", axis, sketch.Op("QuantizeLinear", axis, value, scales, zeros), scales, zeros);
            ModelGraph graph = sketch.Output(sketch.Op("Conv", new GraphAttributes { { "group", Channels } }, value,
                sketch.QuantizedWeights(DataType.Int8, 0, Channels, 1, 3, 3)));
            var log = new PassLog();
            new ChannelQuantizationFolding().Run(graph, log);
            Assert.Single(log.Events);
            return graph.Nodes.First(n => n.Is("Conv")).ConstantInput(2)!.ToSingleArray();
        }

        Assert.Equal(
            Bias(s => s.Constant(TensorData.Vector<float>([.. integers.Zip(steps, (q, scale) => q * scale)]))),
            Bias(s => s.Op("DequantizeLinear", new GraphAttributes { { "axis", 0 } }, s.Constant(TensorData.Vector<int>(integers)),
                s.Constant(TensorData.Vector<float>(steps)))));
    }

    [Fact]
    public void Scales_of_channels_stay_where_a_bound_would_cut_them_differently()
    {
        var sketch = new ModelSketch();
        GraphValue value = sketch.Conv(sketch.Input(1, 4, 6, 6), 4, 4);
        value = sketch.Op("Clip", value, sketch.Constant(TensorData.Scalar(0f)), sketch.Constant(TensorData.Scalar(1f)));
        GraphValue scales = sketch.Constant(TensorData.Vector<float>(0.01f, 0.02f, 0.03f, 0.04f)),
            zeros = sketch.Constant(TensorData.Vector<byte>(0, 0, 0, 0));
        var axis = new GraphAttributes { { "axis", 1 } };
        value = sketch.Op("DequantizeLinear", axis, sketch.Op("QuantizeLinear", axis, value, scales, zeros), scales, zeros);
        value = sketch.Op("Conv", new GraphAttributes { { "group", 4 } }, value, sketch.QuantizedWeights(DataType.Int8, 0, 4, 1, 3, 3));
        ModelExplanation explanation = Runner.AssertPassesKeepResults(sketch.Output(value));
        Assert.DoesNotContain(explanation.Passes, e => e.Pass == "channel-quantization-folding");
        Assert.Contains(explanation.Nodes.SelectMany(n => n.Notes), n => n.Contains("several scales"));
    }

    [Fact]
    public void A_product_that_stays_in_f32_says_why()
    {
        var sketch = new ModelSketch();
        GraphValue conv = sketch.Conv(sketch.Edge(sketch.Input(1, 3, 6, 6), 0.01f, 120), 3, 4);
        NodeExplanation node = Runner.AssertPassesKeepResults(sketch.Output(conv)).Nodes.Single(n => n.OpType == "Conv");
        Assert.Contains("computes in f32: the weights are not quantized", node.Notes);
    }

    [Fact]
    public void Rectifiers_between_equal_quantizations_are_fused()
    {
        var sketch = new ModelSketch();
        GraphValue conv = sketch.Op("Conv", sketch.Edge(sketch.Input(1, 3, 6, 6), 0.01f, 120),
            sketch.QuantizedWeights(DataType.Int8, 0, 4, 3, 3, 3));
        ModelGraph graph = sketch.Output(sketch.Edge(sketch.Op("Relu", sketch.Edge(conv, Step, 100)), Step, 100));
        Assert.DoesNotContain(AssertWithinOneStep(graph).Nodes, n => n.OpType == "Relu");
    }
}
