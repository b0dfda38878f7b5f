// Quantized models run, are close to f32, are the same on every instruction set, and survive a file.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.TestKit;

namespace Int8Runtime.Quantization.Tests.Algorithms;

public sealed class PostTrainingQuantizerTests
{
    private static readonly IDataset Samples = new SyntheticDataset([8, 10, 10], 24, seed: 3);

    [Theory]
    [InlineData(QuantizationPreset.Mixed)]
    [InlineData(QuantizationPreset.Performance)]
    public void Outputs_are_close_to_f32(QuantizationPreset preset)
    {
        ModelGraph f32 = GraphBuilder.Classifier();
        ModelGraph int8 = Quantize(f32, preset).Graph;
        double ratio = SignalToNoise(Run(f32, 1), Run(int8, 1));
        Assert.True(ratio > 25, $"signal to quantization noise {ratio:F1} dB");
    }

    [Theory]
    [InlineData(QuantizationPreset.Mixed)]
    [InlineData(QuantizationPreset.Performance)]
    public void Integers_are_the_same_on_every_instruction_set(QuantizationPreset preset)
    {
        ModelGraph int8 = Quantize(GraphBuilder.Classifier(), preset).Graph;
        // The last integers before the classifier, so that no f32 sum is compared.
        int8.AddOutput(int8.Nodes.Last(n => n.OpType == "QuantizeLinear").Output);
        string name = int8.Outputs[1].Name;
        byte[]? expected = null;
        foreach ((_, Isa isa) in Tiers.Generated)
        {
            using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { MaxIsa = isa, Emulate = true, Threads = 1 });
            using CompiledModel model = engine.Compile(int8);
            using InferenceRequest request = model.CreateRequest(1);
            Samples.Load(2, request.Input().AsSpan<float>());
            request.Run();
            TensorMemory output = request.Output(name);
            byte[] actual = output.Descriptor.DataType == DataType.UInt8
                ? output.AsSpan<byte>().ToArray()
                : [.. output.AsSpan<sbyte>().ToArray().Select(v => (byte)v)];
            Assert.True(actual.Distinct().Count() > 4, "the integers carry information");
            expected ??= actual;
            Assert.Equal(expected, actual);
        }

        Assert.NotNull(expected);
    }

    [Fact]
    public void The_performance_preset_has_no_zero_points()
    {
        QuantizationResult result = Quantize(GraphBuilder.Classifier(), QuantizationPreset.Performance);
        Assert.All(result.Report.Activations, a => Assert.Equal(0, a.Parameters.ZeroPoint));
        foreach (GraphNode node in result.Graph.Nodes.Where(n => n.OpType is "QuantizeLinear" or "DequantizeLinear"))
            if (node.ConstantInput(2) is { } zeroPoint)
                Assert.All(zeroPoint.Bytes.ToArray(), b => Assert.Equal(0, b));
        Assert.Contains(Quantize(GraphBuilder.Classifier()).Report.Activations, a => a.Parameters.ZeroPoint != 0);
    }

    [Fact]
    public void Every_layer_of_the_classifier_runs_on_int8_and_its_output_is_f32()
    {
        QuantizationResult result = Quantize(GraphBuilder.Classifier());
        Assert.All(result.Report.Nodes, n => Assert.True(n.IsQuantized, $"{n.Name}: {n.Reason}"));
        Assert.Equal("Gemm", result.Graph.Outputs[0].Producer!.OpType);
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(result.Graph);
        Assert.All(model.Explain().Nodes.Where(n => n.OpType is "Conv" or "Gemm" or "Add"),
            n => Assert.True(n.IsInt8, $"{n.Name} computes {n.Precision}"));
    }

    [Fact]
    public void The_result_does_not_depend_on_the_number_of_threads()
    {
        byte[] one = Bytes(Quantize(GraphBuilder.Classifier(), threads: 1).Graph),
        many = Bytes(Quantize(GraphBuilder.Classifier(), threads: 4).Graph);
        Assert.Equal(one, many);
    }

    [Fact]
    public void The_model_is_not_changed()
    {
        ModelGraph model = GraphBuilder.Classifier();
        byte[] before = Bytes(model);
        Quantize(model);
        Assert.Equal(before, Bytes(model));
    }

    [Fact]
    public void Saving_and_loading_keeps_the_outputs()
    {
        ModelGraph int8 = Quantize(GraphBuilder.Classifier()).Graph;
        Assert.Equal(Run(int8, 5), Run(OnnxModel.Load(Bytes(int8)), 5));
    }

    [Fact]
    public void Large_models_shrink_to_less_than_a_third()
    {
        var build = new GraphBuilder();
        GraphValue x = build.Op("Relu", "r1", build.Conv("c1", build.Input, 8, 128));
        x = build.Op("Relu", "r2", build.Conv("c2", x, 128, 256));
        ModelGraph f32 = build.Finish(build.Gemm("fc", build.Op("Flatten", "flat", build.Op("GlobalAveragePool", "mean", x)), 256, 100));
        int before = Bytes(f32).Length, after = Bytes(Quantize(f32).Graph).Length;
        Assert.True(before > 1_000_000);
        Assert.True(after <= 0.30 * before, $"{before} → {after}");
    }

    [Fact]
    public void Outputs_in_the_middle_keep_their_names_and_stay_f32()
    {
        var build = new GraphBuilder();
        GraphValue middle = build.Op("Relu", "middle", build.Conv("c1", build.Input, 8, 8));
        ModelGraph f32 = build.Finish(middle, build.Conv("last", middle, 8, 4));
        ModelGraph int8 = Quantize(f32).Graph;
        Assert.Equal(["middle", "last"], int8.Outputs.Select(o => o.Name));
        Assert.True(SignalToNoise(Run(f32, 1, "middle"), Run(int8, 1, "middle")) > 25);
        Assert.True(SignalToNoise(Run(f32, 1, "last"), Run(int8, 1, "last")) > 25);
    }

    [Fact]
    public void Constants_sums_and_shared_weights_run_too()
    {
        var build = new GraphBuilder();
        GraphValue first = build.Conv("c1", build.Input, 8, 8);
        GraphValue joined = build.Concat("joined", first, build.Constant("k", 3, 1, 2, 10, 10));
        GraphValue second = build.Conv("c2", joined, 10, 10);
        GraphValue again = build.Graph.AddOperation("Conv", "c3", [build.Op("Relu", "r", second), second.Producer!.Input(1)],
            second.Producer!.Attributes);
        GraphValue shifted = build.Op("Add", "shifted", again, build.Constant("s", 1, 1, 10, 10, 10));
        ModelGraph f32 = build.Finish(build.Conv("c4", shifted, 10, 6));
        // A batch of one: the constant of the concatenation has it.
        f32.Inputs[0].Shape = new GraphShape(1, 8, 10, 10);
        ModelGraph int8 = Quantize(f32).Graph;
        double ratio = SignalToNoise(Run(f32, 4), Run(int8, 4));
        Assert.True(ratio > 25, $"signal to quantization noise {ratio:F1} dB");
    }

    [Fact]
    public void Weights_of_zero_and_constant_channels_are_safe()
    {
        var build = new GraphBuilder();
        TensorData weights = TensorData.Allocate(DataType.Float32, [4, 8, 1, 1], out Span<float> values);
        values[8..16].Fill(0.25f);
        values[16] = 1e-38f;
        values[24] = 1;
        TensorData bias = TensorData.Vector(2f, -1f, 1000f, 0f);
        GraphValue conv = build.Op("Conv", "c", build.Input, build.Graph.AddConstant("w", weights), build.Graph.AddConstant("b", bias));
        ModelGraph f32 = build.Finish(conv);
        float[] expected = Run(f32, 1), actual = Run(Quantize(f32).Graph, 1);
        Assert.Equal(Enumerable.Repeat(2f, 100), expected[..100]);
        for (int i = 0; i < 100; i++)
            Assert.Equal(2f, actual[i], 1e-3f);
        for (int i = 200; i < 300; i++)
            Assert.Equal(1000f, actual[i], 1f);
        Assert.True(SignalToNoise(expected[100..200], actual[100..200]) > 25);
    }

    [Fact]
    public void Models_that_cannot_be_quantized_are_refused_with_the_reason()
    {
        ModelGraph int8 = Quantize(GraphBuilder.Classifier()).Graph;
        Assert.Contains("quantized already", Refusal(int8), StringComparison.Ordinal);

        var build = new GraphBuilder();
        Assert.Contains("no convolution", Refusal(build.Finish(build.Op("Relu", "r", build.Input))), StringComparison.Ordinal);

        Assert.Contains("no node 'nobody'",
            Refusal(GraphBuilder.Classifier(), new QuantizationOptions { Ignored = new IgnoredScope { Names = ["nobody"] } }),
            StringComparison.Ordinal);

        using CpuEngine engine = CpuEngine.Create();
        var wrongSize = new SyntheticDataset([8, 11, 11], 2);
        var exception = Assert.Throws<QuantizationException>(() =>
            new PostTrainingQuantizer(engine).Quantize(GraphBuilder.Classifier(), wrongSize));
        Assert.Contains("8x11x11", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cancellation_ends_the_calibration()
    {
        using CpuEngine engine = CpuEngine.Create();
        using var source = new CancellationTokenSource();
        var progress = new Reaction(p =>
        {
            if (p.Done == 3)
                source.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => new PostTrainingQuantizer(engine).Quantize(
            GraphBuilder.Classifier(), new SyntheticDataset([8, 10, 10], 5000), new QuantizationOptions { SampleCount = 5000 },
            progress, source.Token));
        Assert.InRange(progress.Reports, 3, 50);
    }

    private static string Refusal(ModelGraph graph, QuantizationOptions? options = null)
    {
        using CpuEngine engine = CpuEngine.Create();
        return Assert.Throws<QuantizationException>(() => new PostTrainingQuantizer(engine).Quantize(graph, Samples, options)).Message;
    }

    internal static QuantizationResult Quantize(ModelGraph model, QuantizationPreset preset = QuantizationPreset.Mixed, int? threads = null)
    {
        using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { Threads = threads });
        return new PostTrainingQuantizer(engine).Quantize(model, Samples, new QuantizationOptions { Preset = preset });
    }

    private static float[] Run(ModelGraph graph, int sample, string? output = null)
    {
        using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { Threads = 1 });
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest(1);
        Samples.Load(sample, request.Input().AsSpan<float>());
        request.Run();
        return request.Output(output).AsSpan<float>().ToArray();
    }

    private static byte[] Bytes(ModelGraph graph)
    {
        using var stream = new MemoryStream();
        OnnxModel.Save(graph, stream);
        return stream.ToArray();
    }

    private static double SignalToNoise(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        double signal = expected.Sum(v => (double)v * v), noise = expected.Zip(actual).Sum(p => Math.Pow(p.First - (double)p.Second, 2));
        return 10 * Math.Log10(signal / noise);
    }

    private sealed class Reaction(Action<SampleProgress> react) : IProgress<SampleProgress>
    {
        private int _reports;

        public int Reports => _reports;

        public void Report(SampleProgress value)
        {
            Interlocked.Increment(ref _reports);
            react(value);
        }
    }
}
