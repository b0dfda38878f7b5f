// The networks of the zoo have the published numbers of parameters, and compile and run as written.
using Int8Runtime.Cli.Zoo;
using Int8Runtime.Graph;

namespace Int8Runtime.Cli.Tests;

public sealed class ZooTests
{
    /// <summary>Every network but those with more than 60 million parameters, which take seconds to fill.</summary>
    public static TheoryData<string> Names { get; } = [.. ModelZoo.All.Where(m => m.Parameters < 60_000_000).Select(m => m.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_network_has_the_published_number_of_parameters(string name)
    {
        ZooModel model = ModelZoo.Find(name);
        var net = new Network(name, seed: 1, batch: 1);
        model.Build(net);
        Assert.Equal(model.Parameters, net.Parameters);
        net.Graph.Validate();
    }

    [Fact]
    public void Weights_follow_from_the_seed_and_are_spread_as_they_should()
    {
        float[] WeightsOf(int seed)
        {
            var net = new Network("weights", seed, batch: 1);
            return net.Weights([64, 64, 9], 0.25).Constant!.AsSpan<float>().ToArray();
        }

        float[] weights = WeightsOf(1);
        Assert.Equal(weights, WeightsOf(1));
        Assert.NotEqual(weights, WeightsOf(2));
        double mean = weights.Average(w => (double)w), variance = weights.Average(w => (double)w * w);
        Assert.InRange(mean, -0.01, 0.01);
        Assert.InRange(variance, 0.24, 0.26);
        Assert.InRange(weights.Zip(weights.Skip(1), (a, b) => (double)a * b).Average(), -0.005, 0.005);
    }

    [Fact]
    public void Cancellation_ends_the_drawing_of_weights()
    {
        using var source = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(
            () => ModelZoo.Find("resnet18").Create(seed: 1, batch: 1, _ => source.Cancel(), source.Token));
    }

    [Theory]
    [InlineData("squeezenet1.1")]
    [InlineData("mobilenet_v2")]
    [InlineData("wide_deep")]
    public void A_network_runs_and_its_outputs_are_neither_constant_nor_out_of_range(string name)
    {
        using var engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(ModelZoo.Find(name).Create(seed: 3, batch: 1));
        using InferenceRequest request = model.CreateRequest();
        var random = new Random(5);
        foreach (ModelPort input in model.Inputs)
        {
            if (input.ElementType == DataType.Float32)
                foreach (ref float value in request.Input(input.Name).AsSpan<float>())
                    value = (float)((random.NextDouble() * 2) - 1);
            else
                foreach (ref long value in request.Input(input.Name).AsSpan<long>())
                    value = random.Next(26_000);
        }

        request.Run();
        ReadOnlySpan<float> result = request.Output(model.Outputs[0].Name).AsSpan<float>();
        Assert.All(result.ToArray(), value => Assert.InRange(value, 0, 1));
        Assert.True(result.Length == 1 || result.ToArray().Distinct().Count() > result.Length / 2);
    }
}
