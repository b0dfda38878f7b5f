// Passes over operations: fused against unfused, and what is left.
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class FusionTests
{
    [Theory]
    [InlineData("Relu")]
    [InlineData("LeakyRelu")]
    [InlineData("Sigmoid")]
    [InlineData("HardSwish")]
    [InlineData("Tanh")]
    public void Activations_are_fused(string opType)
    {
        var sketch = new ModelSketch();
        NodeExplanation only = Assert.Single(Runner.AssertPassesKeepResults(
            sketch.Output(sketch.Op(opType, sketch.Conv(sketch.Input(1, 3, 5, 5), 3, 4)))).Nodes);
        Assert.Single(only.FusedNodes);
    }

    [Fact]
    public void Functions_of_one_element_follow_each_other_in_one_kernel()
    {
        var sketch = new ModelSketch();
        GraphValue value = sketch.Op("Sigmoid", sketch.Input(2, 5, 3));
        value = sketch.Op("Mul", sketch.Op("Tanh", value), sketch.Random(5, 1));
        ModelExplanation explanation = Runner.AssertPassesKeepResults(sketch.Output(sketch.Op("Abs", value)));
        NodeExplanation only = Assert.Single(explanation.Nodes);
        Assert.Equal(3, only.FusedNodes.Count);
    }

    [Fact]
    public void Swish_is_recognized_and_fused()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Conv(sketch.Input(1, 3, 5, 5), 3, 4);
        NodeExplanation only =
            Assert.Single(Runner.AssertPassesKeepResults(sketch.Output(sketch.Op("Mul", x, sketch.Op("Sigmoid", x)))).Nodes);
        Assert.Equal(2, only.FusedNodes.Count);
    }

    [Fact]
    public void Hardswish_is_recognized_and_fused()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Conv(sketch.Input(1, 3, 5, 5), 3, 4);
        GraphValue Number(float value) => sketch.Constant(TensorData.Scalar(value));
        GraphValue gate = sketch.Op("Clip", sketch.Op("Add", x, Number(3)), Number(0), Number(6));
        ModelGraph graph = sketch.Output(sketch.Op("Mul", x, sketch.Op("Mul", gate, Number(1f / 6))));
        Assert.Single(Runner.AssertPassesKeepResults(graph).Nodes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Residual_additions_are_fused_whichever_operand_comes_last(bool swap)
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Op("Relu", sketch.Conv(sketch.Input(2, 3, 5, 5), 3, 4));
        GraphValue branch = sketch.Conv(sketch.Op("Relu", sketch.Conv(x, 4, 4)), 4, 4);
        GraphValue sum = swap ? sketch.Op("Add", x, branch) : sketch.Op("Add", branch, x);
        ModelExplanation explanation = Runner.AssertPassesKeepResults(sketch.Output(sketch.Op("Relu", sum)));
        Assert.Equal(3, explanation.Nodes.Count);
        Assert.Equal(2, explanation.Nodes[^1].FusedNodes.Count);
    }

    [Fact]
    public void A_residual_that_is_still_needed_is_not_overwritten()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Conv(sketch.Input(1, 3, 5, 5), 3, 4);
        GraphValue first = sketch.Op("Add", sketch.Conv(x, 4, 4), x);     // the product reads what it is added to
        GraphValue second = sketch.Op("Add", sketch.Conv(first, 4, 4), x);
        GraphValue third = sketch.Op("Mul", second, first);
        Runner.AssertPassesKeepResults(sketch.Output(third, x));
    }

    [Fact]
    public void A_projection_and_a_branch_are_added_by_the_later_one()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Input(1, 3, 6, 6);
        GraphValue sum = sketch.Op("Add", sketch.Conv(sketch.Conv(x, 3, 4), 4, 4), sketch.Conv(x, 3, 4, kernel: 1));
        Assert.Equal(3, Runner.AssertPassesKeepResults(sketch.Output(sum)).Nodes.Count);
    }

    [Fact]
    public void Constants_added_to_channels_become_the_bias()
    {
        var sketch = new ModelSketch();
        GraphValue shifted = sketch.Op("Add", sketch.Conv(sketch.Input(1, 3, 5, 5), 3, 4), sketch.Random(1, 4, 1, 1));
        GraphValue rows = sketch.Op("Add", sketch.Op("MatMul", sketch.Input(2, 5, 6), sketch.Random(6, 3)), sketch.Random(3));
        ModelExplanation explanation = Runner.AssertPassesKeepResults(sketch.Output(shifted, sketch.Op("Relu", rows)));
        Assert.DoesNotContain(explanation.Nodes, n => n.OpType is "Add" or "Relu");
    }

    [Fact]
    public void Concatenations_are_written_in_place_even_when_nested()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Input(1, 3, 5, 5);
        GraphValue a = sketch.Op("Relu", sketch.Conv(x, 3, 4)), b = sketch.Conv(x, 3, 2);
        var axis = new GraphAttributes { { "axis", 1 } };
        GraphValue inner = sketch.Op("Concat", axis, a, b);
        GraphValue c = sketch.Conv(inner, 6, 3);
        GraphValue outer = sketch.Op("Concat", axis, inner, c);
        ModelExplanation explanation = Runner.AssertPassesKeepResults(sketch.Output(sketch.Conv(outer, 9, 2)));
        Assert.All(explanation.Nodes.Where(n => n.OpType == "Concat"), n => Assert.Equal("view", n.Implementation));
    }

    [Fact]
    public void Concatenations_copy_what_cannot_be_written_in_place()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Input(2, 3, 5, 5), a = sketch.Conv(x, 3, 4);
        var axis = new GraphAttributes { { "axis", 1 } };
        ModelExplanation explanation =
            Runner.AssertPassesKeepResults(sketch.Output(sketch.Op("Concat", axis, a, x, a, sketch.Random(2, 1, 5, 5)), a));
        Assert.Contains(explanation.Nodes.Single(n => n.OpType == "Concat").Notes,
            n => n.Contains("input or output", StringComparison.Ordinal));
    }

    [Fact]
    public void Fully_connected_layers_read_feature_maps_without_flattening()
    {
        var sketch = new ModelSketch();
        GraphValue map = sketch.Conv(sketch.Input(2, 3, 4, 5), 3, 4);
        GraphValue scores = sketch.Op("Gemm", new GraphAttributes { { "transB", 1 } }, sketch.Op("Flatten", map),
            sketch.Random(7, 80), sketch.Random(7));
        ModelExplanation explanation = Runner.AssertPassesKeepResults(sketch.Output(scores));
        Assert.Equal(2, explanation.Nodes.Count);
        Assert.Equal(1, explanation.Reorders);   // the input only
    }

    [Fact]
    public void Movements_through_strides_are_right()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Conv(sketch.Input(2, 3, 4, 6), 3, 4);
        GraphValue turned = sketch.Op("Transpose", new GraphAttributes { { "perm", new[] { 0, 2, 3, 1 } } }, x);
        GraphValue flat = sketch.Op("Reshape", turned, sketch.Constant(TensorData.Vector<long>(2, -1, 8)));
        GraphValue cut = sketch.Op("Slice", x, sketch.Constant(TensorData.Vector<long>(1, 0)),
            sketch.Constant(TensorData.Vector<long>(4, 100)),
            sketch.Constant(TensorData.Vector<long>(1, 3)), sketch.Constant(TensorData.Vector<long>(1, 2)));
        GraphValue shuffled = sketch.Op("Reshape", x, sketch.Constant(TensorData.Vector<long>(2, 2, 2, 4, 6)));
        GraphValue pad = sketch.Op("Pad", sketch.Op("Relu", x), sketch.Constant(TensorData.Vector<long>(0, 1, 0, 2, 0, 0, 1, 0)),
            sketch.Constant(TensorData.Scalar(0.5f)));
        Runner.AssertPassesKeepResults(sketch.Output(flat, sketch.Conv(cut, 3, 2), shuffled, pad));
    }

    [Fact]
    public void Observed_values_are_delivered_and_end_fusion()
    {
        var sketch = new ModelSketch();
        GraphValue sum = sketch.Conv(sketch.Input(1, 3, 5, 5), 3, 4);
        ModelGraph graph = sketch.Output(sketch.Op("Relu", sum));
        using var engine = new ReferenceEngine();
        using CompiledModel model = engine.Compile(graph, new CompileOptions { Observe = [sum.Name] });
        using InferenceRequest request = model.CreateRequest();
        Runner.Run(request);
        float[] before = request.Output(sum.Name).AsSpan<float>().ToArray(), after = request.Output(graph.Outputs[0].Name)
            .AsSpan<float>().ToArray();
        Assert.Contains(before, v => v < 0);
        Assert.Equal(before.Select(v => Math.Max(v, 0)), after);
    }
}
