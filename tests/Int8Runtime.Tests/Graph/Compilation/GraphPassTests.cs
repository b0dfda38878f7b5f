// Passes over model graphs: what they leave, and that results stay.
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class GraphPassTests
{
    [Theory]
    [InlineData("Conv")]
    [InlineData("Gemm")]
    public void Batch_normalization_becomes_part_of_the_weights(string opType)
    {
        var sketch = new ModelSketch();
        GraphValue product = opType == "Conv"
            ? sketch.Conv(sketch.Input(2, 3, 6, 5), 3, 4)
            : sketch.Op("Gemm", sketch.Input(2, 6), sketch.Random(6, 4), sketch.Random(4));
        GraphValue variance = sketch.Constant(TensorData.Vector<float>(0.5f, 1, 2, 3));
        ModelExplanation explanation = Runner.AssertPassesKeepResults(sketch.Output(
            sketch.Op("BatchNormalization", product, sketch.Random(4), sketch.Random(4), sketch.Random(4), variance)));
        NodeExplanation only = Assert.Single(explanation.Nodes);
        Assert.Equal(opType, only.OpType);
        Assert.Contains(explanation.Passes, e => e.Pass == "batch-normalization-folding" && e.Node == only.Name);
    }

    [Fact]
    public void Batch_normalization_before_a_convolution_stays_as_scale_and_shift()
    {
        var sketch = new ModelSketch();
        GraphValue normalized = sketch.Op("BatchNormalization", sketch.Input(1, 3, 4, 4), sketch.Random(3), sketch.Random(3),
            sketch.Random(3), sketch.Constant(TensorData.Vector<float>(1, 2, 3)));
        ModelExplanation explanation = Runner.AssertPassesKeepResults(sketch.Output(sketch.Conv(sketch.Op("Relu", normalized), 3, 2)));
        Assert.Equal(["BatchNormalization", "Conv"], explanation.Nodes.Select(n => n.OpType));
    }

    [Theory]
    [InlineData("Mul", 1)]
    [InlineData("Mul", 4)]
    [InlineData("Div", 4)]
    public void Scales_of_channels_become_part_of_the_weights(string opType, int channels)
    {
        var sketch = new ModelSketch();
        GraphValue factor = sketch.Constant(
            TensorData.Create<float>([.. Enumerable.Range(1, channels).Select(c => 0.75f * c)], [channels, 1, 1]));
        Assert.Single(Runner.AssertPassesKeepResults(
            sketch.Output(sketch.Op(opType, sketch.Conv(sketch.Input(1, 3, 5, 5), 3, 4), factor))).Nodes);
    }

    [Fact]
    public void Padding_becomes_part_of_the_convolution_but_not_of_a_maximum()
    {
        var sketch = new ModelSketch();
        GraphValue pads = sketch.Constant(TensorData.Vector<long>(0, 0, 1, 0, 0, 0, 2, 1));
        GraphValue padded = sketch.Op("Pad", sketch.Input(1, 2, 5, 5), pads);
        Assert.Single(Runner.AssertPassesKeepResults(sketch.Output(sketch.Conv(padded, 2, 3))).Nodes);

        sketch = new ModelSketch();
        padded = sketch.Op("Pad", sketch.Input(1, 2, 5, 5), sketch.Constant(TensorData.Vector<long>(0, 0, 1, 1, 0, 0, 1, 1)));
        GraphValue pooled = sketch.Op("MaxPool", new GraphAttributes { { "kernel_shape", new[] { 2, 2 } } }, padded);
        Assert.Contains(Runner.AssertPassesKeepResults(sketch.Output(pooled)).Nodes, n => n.OpType == "Pad");
    }

    [Fact]
    public void Padding_becomes_part_of_an_average_that_counts_it()
    {
        var sketch = new ModelSketch();
        GraphValue padded = sketch.Op("Pad", sketch.Input(1, 2, 5, 5), sketch.Constant(TensorData.Vector<long>(0, 0, 1, 1, 0, 0, 1, 1)));
        GraphValue pooled = sketch.Op("AveragePool",
            new GraphAttributes { { "kernel_shape", new[] { 2, 2 } }, { "strides", new[] { 2, 2 } } }, padded);
        Assert.Equal("AveragePool", Assert.Single(Runner.AssertPassesKeepResults(sketch.Output(pooled)).Nodes).OpType);
    }

    [Fact]
    public void Transposes_cancel()
    {
        var sketch = new ModelSketch();
        var there = new GraphAttributes { { "perm", new[] { 0, 2, 3, 1 } } };
        var back = new GraphAttributes { { "perm", new[] { 0, 3, 1, 2 } } };
        GraphValue source = sketch.Input(1, 2, 3, 4);
        GraphValue twice = sketch.Op("Transpose", back, sketch.Op("Transpose", there, source));
        Assert.Equal("Relu", Assert.Single(Runner.AssertPassesKeepResults(sketch.Output(sketch.Op("Relu", twice))).Nodes).OpType);
    }
}
