// Requirements on graph passes: folding of batch normalization (H16, J04).
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class RequirementTests
{
    [Theory]
    [InlineData(1e-5f, 0.7f, true)]
    [InlineData(1e-5f, 0.7f, false)]
    [InlineData(0.5f, -1.25f, true)]
    [InlineData(1e-3f, 0f, true)]
    [InlineData(1e-3f, 0f, false)]
    public void H16_folded_batch_normalization_equals_the_unfolded_one(float epsilon, float gamma, bool bias)
    {
        var sketch = new ModelSketch();
        GraphValue convolution = sketch.Conv(sketch.Input(2, 3, 6, 5), 3, 4, bias: bias);
        GraphValue normalized = sketch.Op(
            "BatchNormalization", new GraphAttributes { { "epsilon", epsilon } }, convolution,
            sketch.Constant(TensorData.Vector<float>(gamma, 1, -gamma, 2)), sketch.Random(4), sketch.Random(4),
            sketch.Constant(TensorData.Vector<float>(1e-4f, 0.5f, 1, 30)));
        NodeExplanation only = Assert.Single(Runner.AssertPassesKeepResults(sketch.Output(normalized), 1e-5f).Nodes);
        Assert.Equal("Conv", only.OpType);
    }
}
