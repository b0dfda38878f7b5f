// Reductions of models: on primitives, and equal to the portable evaluator.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class ReductionLoweringTests
{
    [Theory]
    [InlineData("ReduceMean")]
    [InlineData("ReduceSum")]
    [InlineData("ReduceMax")]
    [InlineData("ReduceMin")]
    [InlineData("ReduceProd")]
    [InlineData("ReduceL1")]
    [InlineData("ReduceL2")]
    [InlineData("ReduceSumSquare")]
    public void Reductions_run_on_generated_kernels(string opType)
    {
        Check(opType, "jit_reduction:", keepDimensions: true, -2);
        Check(opType, "jit_reduction:", keepDimensions: false, 1);
        Check(opType, "jit_reduction:", keepDimensions: false, 0, -1);
        Check(opType, "jit_reduction:", keepDimensions: true);
    }

    [Theory]
    [InlineData("ReduceMean")]
    [InlineData("ReduceMax")]
    public void Over_the_spatial_dimensions_they_are_poolings(string opType)
    {
        Check(opType, "jit_pool:", keepDimensions: true, 2, 3);
        Check(opType, "jit_pool:", keepDimensions: false, -1, -2);
    }

    [Fact]
    public void The_logarithm_of_a_sum_is_a_reduction_and_a_function() =>
        Check("ReduceLogSum", "jit_", keepDimensions: false, 1, 3);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Norms_of_the_spatial_dimensions_run_on_generated_kernels(int p)
    {
        var sketch = new ModelSketch();
        ModelGraph graph = sketch.Output(sketch.Op("GlobalLpPool", new GraphAttributes { { "p", p } }, sketch.Input(2, 3, 5, 7)));
        using var engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        float[] actual = Runner.Run(request);
        float[] source = request.Input(model.Inputs[0].Name).AsSpan<float>().ToArray();
        float[] expected = [.. source.Chunk(5 * 7).Select(plane => (float)Math.Pow(plane.Sum(v => Math.Pow(Math.Abs(v), p)), 1.0 / p))];
        Runner.AssertClose(expected, actual, 1e-5f);
        Assert.StartsWith("jit_reduction:", model.Explain().Nodes.Single(n => n.OpType == "GlobalLpPool").Implementation);
        TensorData portable = HostEvaluator.Evaluate(graph.Nodes.Last(), [TensorData.Create<float>(source, [2, 3, 5, 7])])[0];
        Assert.Equal([2, 3, 1, 1], portable.Shape.ToArray());
        Runner.AssertClose(expected, portable.AsSpan<float>().ToArray(), 1e-6f);
    }

    [Fact]
    public void Quantized_edges_are_reduced_without_f32_between()
    {
        var sketch = new ModelSketch();
        GraphValue axes = sketch.Constant(TensorData.Vector<long>([1L]));
        GraphValue source = sketch.Edge(sketch.Input(2, 17, 24), 0.01f, 128);
        GraphValue mean = sketch.Edge(sketch.Op("ReduceMean", source, axes), 0.004f, 120);
        ModelExplanation explanation = Runner.AssertPassesKeepResults(sketch.Output(mean), tolerance: 0.005f);
        Assert.DoesNotContain(explanation.Nodes, node => node.OpType == "ReduceMean"
            && node.Precision.Contains("f32", StringComparison.Ordinal));
    }

    private static void Check(string opType, string implementation, bool keepDimensions, params int[] axes)
    {
        var sketch = new ModelSketch();
        int[] shape = [2, 3, 5, 7];
        var attributes = new GraphAttributes { { "keepdims", keepDimensions ? 1 : 0 } };
        TensorData? list = axes.Length == 0 ? null : TensorData.Vector<long>(Array.ConvertAll(axes, axis => (long)axis));
        GraphValue positive = sketch.Op("Exp", sketch.Input(2, 3, 5, 7)); // a logarithm needs a positive sum
        GraphValue?[] inputs = list is not null ? [positive, sketch.Constant(list)] : [positive];
        ModelGraph graph = sketch.Output(sketch.Op(opType, attributes, inputs));
        GraphNode node = graph.Nodes.Last();

        using var engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        float[] actual = Runner.Run(request);
        float[] source = Array.ConvertAll(request.Input(model.Inputs[0].Name).AsSpan<float>().ToArray(), MathF.Exp);
        TensorData expected = HostEvaluator.Evaluate(node, list is not null
            ? [TensorData.Create<float>(source, shape), list] : [TensorData.Create<float>(source, shape)])[0];
        Runner.AssertClose([.. expected.ToDoubleArray().Select(value => (float)value)], actual, 1e-5f);
        Assert.All(model.Explain().Nodes.Where(n => n.Implementation != "view"),
            n => Assert.StartsWith(n.OpType == opType ? implementation : "jit_", n.Implementation));
    }
}
