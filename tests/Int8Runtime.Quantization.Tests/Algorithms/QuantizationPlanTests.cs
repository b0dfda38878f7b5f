// Which values get quantizers and which share a scale.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Tests.Algorithms;

public sealed class QuantizationPlanTests
{
    private static readonly Dictionary<string, string> s_nothing = [];

    private readonly GraphBuilder _build = new();

    [Fact]
    public void Residual_blocks_quantize_operands_and_the_rectified_sum()
    {
        GraphValue first = _build.Op("Relu", "r1", _build.Conv("c1", _build.Input, 8, 8));
        GraphValue second = _build.Conv("c2", first, 8, 8);
        GraphValue sum = _build.Op("Relu", "r2", _build.Op("Add", "sum", second, first));
        QuantizationPlan plan = Plan(_build.Conv("c3", sum, 8, 4));
        Assert.Equal(["c2", "r1", "r2", "x"], Names(plan));
        Assert.Equal(4, Groups(plan));
        Assert.All(plan.Graph.Nodes, n => Assert.True(plan.IsQuantized(n), n.Name));
    }

    [Fact]
    public void Concatenated_values_share_one_scale()
    {
        GraphValue a = _build.Op("Relu", "a", _build.Conv("ca", _build.Input, 8, 8)),
            b = _build.Op("Relu", "b", _build.Conv("cb", _build.Input, 8, 8));
        QuantizationPlan plan = Plan(_build.Conv("c", _build.Concat("joined", a, b), 16, 4));
        Assert.Equal(["a", "b", "joined", "x"], Names(plan));
        Assert.Equal(plan.GroupOf(a), plan.GroupOf(b));
        Assert.Equal(plan.GroupOf(a), plan.GroupOf(Value(plan, "joined")));
        Assert.NotEqual(plan.GroupOf(a), plan.GroupOf(_build.Input));
        Assert.Equal(["a", "b", "x"], plan.MeasuredValues().Select(v => v.Name).Order());
    }

    [Fact]
    public void Constants_of_a_concatenation_count_for_its_range()
    {
        GraphValue joined = _build.Concat("joined", _build.Conv("c1", _build.Input, 8, 8), _build.Constant("k", 100, 1, 1, 10, 10));
        QuantizationPlan plan = Plan(_build.Conv("c2", joined, 9, 4));
        Assert.Contains("joined", plan.MeasuredValues().Select(v => v.Name));
        Assert.Equal("k", Assert.Single(QuantizationPlan.ConstantActivations(joined.Producer!)
            .Select(u => u.Node.Input(u.InputIndex).Name)));
    }

    [Fact]
    public void Shapes_are_no_data_and_say_so()
    {
        GraphValue data = _build.Op("Relu", "r", _build.Conv("c1", _build.Input, 8, 8));
        GraphValue extents = _build.Op("Identity", "copied", _build.Op("Shape", "extents", data));
        QuantizationPlan plan = Plan(_build.Conv("c2", _build.Op("Reshape", "same", data, extents), 8, 4));
        foreach (string name in (string[])["extents", "copied"])
        {
            GraphNode node = plan.Graph.Nodes.Single(n => n.Output.Name == name);
            Assert.Equal((OperatorRole.Float, "computes a shape, not data"), OperatorPolicy.RoleOf(node, s_nothing));
        }

        Assert.True(plan.IsQuantized(plan.Graph.Nodes.Single(n => n.Output.Name == "same")));
    }

    [Fact]
    public void Moving_operators_keep_the_scale()
    {
        GraphValue pooled = _build.MaxPool("pool", _build.Op("Relu", "r", _build.Conv("c", _build.Input, 8, 8)));
        QuantizationPlan plan = Plan(_build.Gemm("fc", _build.Op("Flatten", "flat", pooled), 8 * 5 * 5, 10));
        Assert.Equal(["flat", "pool", "r", "x"], Names(plan));
        Assert.Equal(2, Groups(plan));
        Assert.Equal(["r", "x"], plan.MeasuredValues().Select(v => v.Name).Order());
    }

    [Fact]
    public void Activations_are_fused_and_not_quantized_twice()
    {
        QuantizationPlan plan = Plan(_build.Conv("c2", _build.Clip("r", _build.Conv("c1", _build.Input, 8, 8)), 8, 8));
        Assert.Equal(["r", "x"], Names(plan));
    }

    [Fact]
    public void A_value_that_others_read_too_is_quantized_before_its_activation()
    {
        GraphValue shared = _build.Conv("c1", _build.Input, 8, 8);
        GraphValue a = _build.Conv("c2", _build.Op("Relu", "r", shared), 8, 8), b = _build.Conv("c3", shared, 8, 8);
        QuantizationPlan plan = QuantizationPlan.Create(_build.Finish(a, b), s_nothing);
        Assert.Equal(["c1", "r", "x"], Names(plan));
    }

    [Fact]
    public void What_follows_the_last_weights_stays_f32()
    {
        GraphValue conv = _build.Op("Relu", "r", _build.Conv("classes", _build.Input, 8, 10, kernel: 1));
        QuantizationPlan plan = Plan(_build.Op("Softmax", "p", _build.Op("Flatten", "flat", _build.Op("GlobalAveragePool", "mean", conv))));
        Assert.Equal(["x"], Names(plan));
        Assert.Equal(["flat", "mean", "p"], plan.Graph.Nodes.Where(n => !plan.IsQuantized(n)).Select(n => n.Name).Order());
        Assert.All(plan.Graph.Nodes.Where(n => !plan.IsQuantized(n)), n => Assert.NotEmpty(plan.ReasonFor(n)));
    }

    [Fact]
    public void Ignored_nodes_stay_f32_together_with_their_activation()
    {
        GraphValue a = _build.Op("Relu", "r1", _build.Conv("c1", _build.Input, 8, 8));
        GraphValue b = _build.Op("Relu", "r2", _build.Conv("c2", a, 8, 8));
        ModelGraph graph = _build.Finish(_build.Conv("c3", b, 8, 8));
        QuantizationPlan plan = QuantizationPlan.Create(graph, new Dictionary<string, string> { ["c2"] = "excluded by the user" });
        Assert.Equal(["r2", "x"], Names(plan));
        Assert.Equal("excluded by the user", plan.ReasonFor(graph.Nodes.Single(n => n.Name == "c2")));
    }

    [Fact]
    public void Sums_with_constants_stay_f32_unless_they_are_biases()
    {
        GraphValue conv = _build.Conv("c1", _build.Input, 8, 8, bias: false);
        GraphValue biased = _build.Op("Add", "biased", conv, _build.Constant("b", 1, 8, 1, 1));
        GraphValue shifted = _build.Op("Add", "shifted", _build.Op("Relu", "r", biased), _build.Constant("s", 1, 1, 8, 10, 10));
        ModelGraph graph = _build.Finish(_build.Conv("c2", shifted, 8, 4));
        BiasFolding.Run(graph, s_nothing);
        graph.Validate();
        Assert.Equal(["c1", "r", "shifted", "c2"], graph.Nodes.Select(n => n.Name));
        QuantizationPlan plan = QuantizationPlan.Create(graph, s_nothing);
        Assert.Equal(["shifted", "x"], Names(plan));
        Assert.Equal("one operand is constant", plan.ReasonFor(graph.Nodes.Single(n => n.Name == "shifted")));
    }

    [Fact]
    public void Fully_connected_layers_with_added_bias_become_Gemm()
    {
        GraphValue flat = _build.Op("Flatten", "flat", _build.Input);
        GraphValue product = _build.Op("MatMul", "fc", flat, _build.Constant("w", 0.1, 800, 10));
        ModelGraph graph = _build.Finish(_build.Op("Add", "logits", _build.Constant("b", 1, 1, 10), product));
        BiasFolding.Run(graph, s_nothing);
        graph.Validate();
        GraphNode gemm = graph.Nodes[^1];
        Assert.Equal(("Gemm", "fc", "logits"), (gemm.OpType, gemm.Name, gemm.Output.Name));
    }

    [Fact]
    public void Models_without_constant_weights_have_nothing_to_quantize()
    {
        ModelGraph graph = _build.Finish(_build.Op("Relu", "r", _build.Input));
        Assert.Empty(QuantizationPlan.Create(graph, s_nothing).Values);
    }

    [Fact]
    public void The_last_of_three_fully_connected_layers_gives_f32()
    {
        GraphValue flat = _build.Op("Flatten", "flat", _build.Op("Relu", "r0", _build.Conv("c", _build.Input, 8, 8)));
        GraphValue x = _build.Op("Relu", "r7", _build.Gemm("fc7", _build.Op("Relu", "r6", _build.Gemm("fc6", flat, 800, 32)), 32, 32));
        QuantizationPlan plan = Plan(_build.Op("Softmax", "p", _build.Gemm("fc8", x, 32, 10)));
        Assert.Equal(["flat", "r0", "r6", "r7", "x"], Names(plan));
        Assert.Equal(["p"], plan.Graph.Nodes.Where(n => !plan.IsQuantized(n)).Select(n => n.Name));
    }

    [Fact]
    public void A_classifier_convolution_behind_the_global_pool_gives_f32()
    {
        GraphValue pooled = _build.Op("GlobalAveragePool", "pool", _build.Op("Relu", "r", _build.Conv("c", _build.Input, 8, 8)));
        QuantizationPlan plan = Plan(_build.Op("Flatten", "flat", _build.Conv("classes", pooled, 8, 10, kernel: 1)));
        Assert.Equal(["pool", "r", "x"], Names(plan));
        Assert.Equal(["flat"], plan.Graph.Nodes.Where(n => !plan.IsQuantized(n)).Select(n => n.Name));
    }

    private QuantizationPlan Plan(GraphValue output) => QuantizationPlan.Create(_build.Finish(output), s_nothing);

    private static string[] Names(QuantizationPlan plan) => [.. plan.Values.Select(v => v.Name).Order(StringComparer.Ordinal)];

    private static int Groups(QuantizationPlan plan) => plan.Values.Select(plan.GroupOf).Distinct().Count();

    private static GraphValue Value(QuantizationPlan plan, string name) => plan.Values.Single(v => v.Name == name);
}
