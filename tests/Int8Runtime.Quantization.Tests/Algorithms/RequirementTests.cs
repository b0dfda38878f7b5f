// Requirements on the plans of quantized models: bounded activations (M03), what is fused (H14), where signed activations run (I06), fully connected layers
// (J02) and poolings (J03) from int8 to int8.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Tests.Algorithms;

public sealed class RequirementTests
{
    private static readonly IDataset Samples = new SyntheticDataset([8, 16, 16], 8, seed: 5);

    private readonly GraphBuilder _build = new(8, 16);

    /// <summary>
    /// The blocks of ResNet-50 with 8 to 16 channels: 3, 4, 6 and 3 bottlenecks, the first of each stage with a projection.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void H14_no_rectifier_and_no_addition_is_left_in_residual_blocks(bool quantized)
    {
        GraphValue x = _build.MaxPool("pool", Relu(_build.Conv("stem", _build.Input, 8, 8)));
        int channels = 8, block = 0;
        foreach (int count in new[] { 3, 4, 6, 3 })
        {
            for (int i = 0; i < count; i++, channels = 16)
                x = Bottleneck($"b{block++}", x, channels);
        }

        ModelGraph graph = _build.Finish(
            _build.Gemm("logits", _build.Op("Flatten", "flat", _build.Op("GlobalAveragePool", "mean", x)), 16, 10));
        NodeExplanation[] nodes = Explain(quantized ? Quantize(graph) : graph);
        Assert.DoesNotContain(nodes, n => n.OpType is "Relu" or "Add");
        NodeExplanation[] last = [.. nodes.Where(n => n.Name.EndsWith("_c", StringComparison.Ordinal))];
        Assert.Equal(16, last.Length);
        Assert.All(last, n => Assert.True(n.FusedNodes.Count >= 2, $"{n.Name} computes only {string.Join(", ", n.FusedNodes)} too"));
        Assert.Equal(quantized, last[0].IsInt8);
    }

    [Fact]
    public void I06_signed_sources_are_those_of_the_first_convolution_and_of_what_no_rectifier_precedes()
    {
        GraphValue linear = _build.Conv("linear", Relu(_build.Conv("first", _build.Input, 8, 16)), 16, 16);
        GraphValue last = Relu(_build.Conv("behind", linear, 16, 16));
        NodeExplanation[] nodes = Explain(Quantize(_build.Finish(_build.Gemm(
            "logits", _build.Op("Flatten", "flat", _build.Op("GlobalAveragePool", "mean", last)), 16, 10))));
        Assert.StartsWith("s8·s8→", Node(nodes, "first").Precision, StringComparison.Ordinal);
        Assert.StartsWith("u8·s8→", Node(nodes, "linear").Precision, StringComparison.Ordinal);
        Assert.StartsWith("s8·s8→", Node(nodes, "behind").Precision, StringComparison.Ordinal);
    }

    [Fact]
    public void J02_fully_connected_layers_before_the_classifier_go_from_int8_to_int8()
    {
        GraphValue flat = _build.Op("Flatten", "flat", Relu(_build.Conv("c", _build.Input, 8, 4)));
        GraphValue hidden = Relu(_build.Gemm("fc7", Relu(_build.Gemm("fc6", flat, 1024, 32)), 32, 32));
        NodeExplanation[] nodes = Explain(Quantize(_build.Finish(_build.Gemm("fc8", hidden, 32, 10))));
        Assert.Equal("u8·s8→u8", Node(nodes, "fc6").Precision);
        Assert.Equal("u8·s8→u8", Node(nodes, "fc7").Precision);
        Assert.Equal("u8·s8→f32", Node(nodes, "fc8").Precision);
    }

    [Fact]
    public void M03_a_bound_of_an_activation_is_its_range_and_costs_no_step()
    {
        // Multiplied, so that values reach the bound.
        GraphValue wide = _build.Op("Mul", "wide", _build.Conv("a", _build.Input, 8, 16), _build.Graph.AddConstant("factor", TensorData.Scalar(50f)));
        QuantizationResult result = Model.Quantize(
            _build.Finish(_build.Conv("b", _build.Clip("bound", wide), 16, 8)), Samples, new QuantizationOptions());
        QuantizedActivation activation = result.Report.Activations.Single(a => a.Name == "bound");
        Assert.Equal((6f / 255, 0), (activation.Parameters.Scale, activation.Parameters.ZeroPoint));
        Assert.Contains("bound", Node(Explain(result.Graph), "a").FusedNodes);
    }

    [Fact]
    public void J03_poolings_go_from_int8_to_int8()
    {
        GraphValue largest = _build.MaxPool("largest", Relu(_build.Conv("a", _build.Input, 8, 16)));
        GraphValue mean = _build.Graph.AddOperation("AveragePool", "mean", [Relu(_build.Conv("b", largest, 16, 16))], new GraphAttributes
        {
            { "kernel_shape", new long[] { 2, 2 } }, { "strides", new long[] { 2, 2 } },
        });
        NodeExplanation[] nodes = Explain(Quantize(_build.Finish(_build.Conv("c", mean, 16, 8))));
        Assert.Equal("u8→u8", Node(nodes, "largest").Precision);
        Assert.Equal("u8→u8", Node(nodes, "mean").Precision);
        Assert.DoesNotContain("dst:", Node(nodes, "largest").Problem!.Command, StringComparison.Ordinal); // a maximum keeps the scale
    }

    private GraphValue Bottleneck(string name, GraphValue x, int channels)
    {
        GraphValue a = Relu(_build.Conv(name + "_a", x, channels, 8, kernel: 1)), b = Relu(_build.Conv(name + "_b", a, 8, 8));
        GraphValue shortcut = channels == 16 ? x : _build.Conv(name + "_project", x, channels, 16, kernel: 1);
        return Relu(_build.Op("Add", name + "_sum", _build.Conv(name + "_c", b, 8, 16, kernel: 1), shortcut));
    }

    private GraphValue Relu(GraphValue value) => _build.Op("Relu", value.Name + "_relu", value);

    private static ModelGraph Quantize(ModelGraph graph) =>
        Model.Quantize(graph, Samples, new QuantizationOptions { Preset = QuantizationPreset.Performance }).Graph;

    private static NodeExplanation[] Explain(ModelGraph graph)
    {
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        return [.. model.Explain().Nodes];
    }

    private static NodeExplanation Node(NodeExplanation[] nodes, string name) =>
        Assert.Single(nodes, n => n.Name == name || n.FusedNodes.Contains(name));
}
