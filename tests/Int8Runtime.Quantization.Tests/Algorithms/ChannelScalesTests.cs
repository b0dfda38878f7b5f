// Activations with a scale for each channel: where they are possible, what they gain, and why they are left out.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Tests.Algorithms;

public sealed class ChannelScalesTests
{
    private static readonly IDataset Samples = new SyntheticDataset([8, 10, 10], 24, seed: 3);
    private static readonly QuantizationOptions PerChannel = new() { PerChannelActivations = true, AlignChannels = false };

    [Theory]
    [InlineData("Clip", DataType.UInt8)]      // no factor passes it, so channels cannot be aligned
    [InlineData("Relu", DataType.UInt8)]
    [InlineData("LeakyRelu", DataType.Int8)]
    public void Sources_of_depthwise_convolutions_have_a_scale_for_each_channel_and_run_on_int8(string between, DataType type)
    {
        ModelGraph f32 = GraphBuilder.Skewed(16, (b, x) => between == "Clip" ? b.Clip("r", x) : b.Op(between, "r", x));
        float[] expected = Model.Run(f32, Samples, 1);
        QuantizationResult single = Model.Quantize(f32, Samples, PerChannel with { PerChannelActivations = false }),
            result = Model.Quantize(f32, Samples, PerChannel);
        double before = Model.NoisePower(expected, Model.Run(single.Graph, Samples, 1)),
            after = Model.NoisePower(expected, Model.Run(result.Graph, Samples, 1));
        Assert.True(after < before / 4, $"error {before:g3} became {after:g3}");

        QuantizedActivation activation = result.Report.Activations.Single(a => a.ChannelScales.Count > 0);
        Assert.Equal((16, type, 0), (activation.ChannelScales.Count, activation.Parameters.DataType, activation.Parameters.ZeroPoint));
        Assert.Equal(activation.Parameters.Scale, activation.ChannelScales.Max());
        GraphNode quantizer = result.Graph.Nodes.Single(n => n.Is("QuantizeLinear") && n.ConstantInput(1)!.Rank == 1);
        Assert.Equal(activation.ChannelScales, quantizer.ConstantInput(1)!.AsSpan<float>().ToArray());
        Assert.Contains("1 sources of depthwise convolutions have a scale for each channel", result.Report.Notes);

        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(result.Graph);
        ModelExplanation plan = model.Explain(new Dictionary<string, Shape> { ["x"] = [1, 8, 10, 10] });
        Assert.Contains(plan.Passes, p => p.Pass == "channel-quantization-folding");
        Assert.All(plan.Nodes.Where(n => n.OpType == "Conv"), n => Assert.True(n.IsInt8, n.Precision));
    }

    [Fact]
    public void Ranges_of_channels_are_those_of_the_samples()
    {
        ModelGraph f32 = GraphBuilder.Skewed(16, (b, x) => b.Clip("r", x));
        QuantizedActivation activation = Model.Quantize(f32, Samples, PerChannel).Report.Activations.Single(a => a.ChannelScales.Count > 0);
        var largest = new float[16];
        for (int s = 0; s < Samples.Count; s++)
        {
            float[] values = Model.Run(f32, Samples, s, activation.Name);
            for (int i = 0; i < values.Length; i++)
                largest[i / 100] = Math.Max(largest[i / 100], values[i]);
        }

        // narrower than a 64th of the widest would only be noise
        for (int c = 0; c < 16; c++)
            Assert.Equal(Math.Max(largest[c], largest.Max() / 64) / 255, activation.ChannelScales[c], 1e-6f);
    }

    [Theory]
    [InlineData("dense", "no activation has a scale for each channel")]
    [InlineData("swish", "does not pass on the factor of a channel")]
    [InlineData("shared", "not only depthwise convolutions read it")]
    [InlineData("input", "no convolution comes before")]
    public void Activations_that_cannot_have_them_keep_one_scale_with_the_reason(string form, string reason)
    {
        var b = new GraphBuilder();
        GraphValue x = form == "input" ? b.Input : b.Conv("c1", b.Input, 8, 8);
        x = form switch
        {
            "swish" => b.Op("Mul", "swish", x, b.Op("Sigmoid", "gate", x)),
            "input" => x,
            _ => b.Op("Relu", "r", x),
        };
        GraphValue y = b.Conv("c2", x, 8, 8, groups: form == "dense" ? 1 : 8);
        QuantizationResult result =
            Model.Quantize(form == "shared" ? b.Finish(y, b.Conv("c3", x, 8, 4)) : b.Finish(y), Samples, PerChannel);
        Assert.Contains(result.Report.Notes, n => n.Contains(reason, StringComparison.Ordinal));
        Assert.All(result.Report.Activations, a => Assert.Empty(a.ChannelScales));
        Assert.DoesNotContain(result.Graph.Nodes, n => n.Is("QuantizeLinear") && n.ConstantInput(1)!.Rank > 0);
    }

    [Fact]
    public void Scales_that_would_move_a_bound_are_refused()
    {
        // The next power of two lets the widest channel reach beyond 6, so that saturation is not the bound.
        ModelGraph f32 = GraphBuilder.Skewed(16, (b, x) => b.Clip("r", x));
        Assert.Contains(Model.Quantize(f32, Samples, PerChannel with { PowerOfTwoScales = true }).Report.Notes,
            n => n.Contains("does not pass on the factor", StringComparison.Ordinal));
        QuantizationResult bounded = Model.Quantize(GraphBuilder.Skewed(16), Samples, PerChannel with { PowerOfTwoScales = true });
        Assert.All(bounded.Report.Activations.Single(a => a.ChannelScales.Count > 0).ChannelScales,
            s => Assert.Equal(Math.Round(Math.Log2(s)), Math.Log2(s)));
    }

    [Theory]
    [InlineData(BiasCorrectionMode.Fast)]
    [InlineData(BiasCorrectionMode.Full)]
    public void Biases_behind_them_are_corrected(BiasCorrectionMode mode)
    {
        ModelGraph f32 = GraphBuilder.Skewed(16, (b, x) => b.Clip("r", x));
        double[] exact = Model.ChannelMeans(f32, Samples);
        double Shift(BiasCorrectionMode correction) => Model.ChannelMeans(
            Model.Quantize(f32, Samples, PerChannel with { BiasCorrection = correction, WeightBits = 4 }).Graph, Samples)
                .Zip(exact, (q, e) => Math.Abs(q - e)).Sum();
        (double before, double after) = (Shift(BiasCorrectionMode.None), Shift(mode));
        Assert.True(after < before / 2, $"{before:g3} became {after:g3}");
    }
}
