// Normalizations of models: on primitives, and equal to the portable evaluator.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class NormalizationTests
{
    [Theory]
    [InlineData(-1, true)]
    [InlineData(-2, true)]
    [InlineData(1, false)]
    public void Layer_normalization_runs_on_a_generated_kernel(int axis, bool shift)
    {
        var sketch = new ModelSketch();
        int[] shape = [2, 5, 7], parameters = axis == -1 ? [7] : [5, 7];
        GraphValue scale = sketch.Random(parameters), bias = sketch.Random(parameters);
        var attributes = new GraphAttributes { { "axis", axis }, { "epsilon", 1e-3f } };
        ModelGraph graph = sketch.Output(sketch.Op("LayerNormalization", attributes, sketch.Input(2, 5, 7), scale, shift ? bias : null));
        GraphNode node = graph.Nodes.Single();

        using var engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        float[] actual = Runner.Run(request);
        TensorData source = TensorData.Create<float>(request.Input(model.Inputs[0].Name).AsSpan<float>(), shape);
        TensorData expected = HostEvaluator.Evaluate(node, [source, scale.Constant, shift ? bias.Constant : null])[0];
        Runner.AssertClose([.. expected.ToDoubleArray().Select(value => (float)value)], actual, 1e-5f);
        Assert.StartsWith("jit_lnorm:", Assert.Single(model.Explain().Nodes).Implementation);
    }

    [Theory]
    [InlineData("GroupNormalization", 2)]
    [InlineData("GroupNormalization", 6)]
    [InlineData("InstanceNormalization", 6)]
    public void Group_and_instance_normalization_run_on_generated_kernels(string opType, int groups)
    {
        foreach (bool behindConvolution in new[] { false, true })
        {
            var sketch = new ModelSketch();
            GraphValue scale = sketch.Random(6), bias = sketch.Random(6), source = sketch.Input(2, 6, 5, 7);
            var attributes = new GraphAttributes { { "epsilon", 1e-3f } };
            if (opType == "GroupNormalization")
                attributes.Add("num_groups", groups);
            GraphValue x = behindConvolution ? sketch.Conv(source, 6, 6) : source;
            ModelGraph graph = sketch.Output(sketch.Op(opType, attributes, x, scale, bias));
            using var engine = CpuEngine.Create();
            float[] expected = Runner.Run(engine, graph, new CompileOptions { DisabledPasses = CompiledModel.PassNames });
            using CompiledModel model = engine.Compile(graph);
            using InferenceRequest request = model.CreateRequest();
            Runner.AssertClose(expected, Runner.Run(request), 1e-5f);
            Assert.StartsWith("jit_gnorm:", model.Explain().Nodes.Single(node => node.OpType == opType).Implementation);
            if (behindConvolution)
                continue;
            float[] input = request.Input(model.Inputs[0].Name).AsSpan<float>().ToArray();
            TensorData[] host = HostEvaluator.Evaluate(
                graph.Nodes.Single(), [TensorData.Create<float>(input, [2, 6, 5, 7]), scale.Constant, bias.Constant]);
            Runner.AssertClose([.. host[0].ToDoubleArray().Select(value => (float)value)], Runner.Outputs(request), 1e-5f);
        }
    }
}
