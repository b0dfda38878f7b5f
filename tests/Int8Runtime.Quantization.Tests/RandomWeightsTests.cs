// Models with random weights, and random samples.
using Int8Runtime.Graph;
using Int8Runtime.Quantization.Tests.Algorithms;

namespace Int8Runtime.Quantization.Tests;

public sealed class RandomWeightsTests
{
    [Fact]
    public void Equal_seeds_give_equal_weights_and_the_model_stays()
    {
        ModelGraph model = GraphBuilder.Classifier();
        byte[] original = Weights(model, "stem");
        Assert.Equal(Weights(RandomWeights.Apply(model, 5), "stem"), Weights(RandomWeights.Apply(model, 5), "stem"));
        Assert.NotEqual(Weights(RandomWeights.Apply(model, 5), "stem"), Weights(RandomWeights.Apply(model, 6), "stem"));
        Assert.Equal(original, Weights(model, "stem"));
    }

    [Fact]
    public void Activations_of_a_deep_network_stay_in_range()
    {
        var build = new GraphBuilder();
        GraphValue x = build.Input;
        for (int i = 0; i < 20; i++)
            x = build.Op("Relu", $"r{i}", build.Conv($"c{i}", x, 8, 8));
        ModelGraph graph = RandomWeights.Apply(build.Finish(x), 1);
        graph.Validate();
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest(1);
        new SyntheticDataset([8, 10, 10], 1).Load(0, request.Input().AsSpan<float>());
        request.Run();
        float[] output = request.Output().AsSpan<float>().ToArray();
        Assert.InRange(output.Max(), 1e-3f, 1e3f);
        Assert.All(output, v => Assert.True(v == 0 || float.IsNormal(v)));
    }

    [Fact]
    public void A_product_with_a_vector_gets_random_weights()
    {
        var build = new GraphBuilder();
        GraphValue vector = build.Graph.AddConstant("v", TensorData.Vector<float>(new float[10]));
        ModelGraph graph = RandomWeights.Apply(build.Finish(build.Op("MatMul", "m", build.Input, vector)), 1);
        Assert.Contains(graph.Nodes[0].ConstantInput(1)!.ToSingleArray(), v => v != 0);
    }

    [Fact]
    public void Synthetic_samples_are_reproducible_and_standard_normal()
    {
        var samples = new SyntheticDataset([3, 40, 40], 2, seed: 9);
        float[] first = new float[4800], again = new float[4800], second = new float[4800];
        samples.Load(0, first);
        samples.Load(0, again);
        samples.Load(1, second);
        Assert.Equal(first, again);
        Assert.NotEqual(first, second);
        Assert.InRange(first.Average(), -0.1, 0.1);
        Assert.InRange(first.Average(v => v * v), 0.9, 1.1);
        Assert.Null(samples.Label(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SyntheticDataset([1], 0));
    }

    private static byte[] Weights(ModelGraph graph, string node) =>
        graph.Nodes.Single(n => n.Name == node).ConstantInput(1)!.Bytes.ToArray();
}
