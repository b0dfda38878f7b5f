// Pruned models: masked and shrunk ones agree, dependent layers lose the same channels, what cannot go says why.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.Quantization.Pruning;
using Int8Runtime.Quantization.Tests.Algorithms;
using Int8Runtime.TestKit;

namespace Int8Runtime.Quantization.Tests.Pruning;

public sealed class FilterPrunerTests
{
    private static readonly IDataset Samples = new SyntheticDataset([8, 10, 10], 12, seed: 3);

    public static TheoryData<string> Models => [.. Builders.Keys];

    private static Dictionary<string, Func<ModelGraph>> Builders => new()
    {
        ["classifier"] = GraphBuilder.Classifier,
        ["residual"] = Residual,
        ["normalized"] = Normalized,
        ["padded shortcut"] = PaddedShortcut,
        ["flattened"] = Flattened,
        ["gated"] = Gated,
        ["scaled"] = Scaled,
        ["resized"] = Resized,
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Masked_and_shrunk_models_agree_and_the_file_shrinks(string name)
    {
        ModelGraph model = Builders[name]();
        foreach (bool reestimate in new[] { false, true })
        {
            PruningResult result = Prune(model, 0.4, o => o with { Reestimate = reestimate });
            float[] masked = Run(result.Masked, 1), shrunk = Run(result.Graph, 1);
            float largest = masked.Max(Math.Abs);
            Assert.True(largest > 0, "the output carries information");
            Assert.All(masked.Zip(shrunk), p => Assert.InRange(Math.Abs(p.First - p.Second), 0, 1e-5f * largest));
            Assert.InRange(result.Report.Difference, 0, 1e-5);
            Assert.True(Bytes(result.Graph) < Bytes(model), $"{Bytes(result.Graph)} bytes of {Bytes(model)}");
            Assert.Equal(result.Report.Parameters.After,
                result.Graph.Values.Where(v => v.Constant is { ElementType: DataType.Float32 })
                .Sum(v => (long)v.Constant!.ElementCount));
        }
    }

    [Fact]
    public void A_residual_sum_takes_the_same_channels_from_all_its_layers()
    {
        PruningResult result = Prune(Residual(), 0.5);
        Assert.Equal([8, 8, 8], new[] { "stem", "c2", "c4" }.Select(n => FiltersOf(result, n)));
        Assert.Equal(8, FiltersOf(result, "c1"));

        // The masks of the three layers are one mask.
        bool[] mask = MaskOf(result.Masked, "stem");
        Assert.Equal(8, mask.Count(m => m));
        Assert.Equal(mask, MaskOf(result.Masked, "c2"));
        Assert.Equal(mask, MaskOf(result.Masked, "c4"));
    }

    [Fact]
    public void A_depthwise_convolution_follows_its_producer()
    {
        PruningResult result = Prune(GraphBuilder.Classifier(), 0.25);
        GraphNode depthwise = result.Graph.Nodes.Single(n => n.Name == "dw");
        Assert.Equal(12, depthwise.Attributes.GetInt32("group"));
        Assert.Equal(12, FiltersOf(result, "stem"));
        Assert.Equal(MaskOf(result.Masked, "stem"), MaskOf(result.Masked, "dw"));
    }

    [Fact]
    public void Channel_padding_of_a_shortcut_shrinks_with_the_sum_behind_it()
    {
        PruningResult result = Prune(PaddedShortcut(), 0.5);
        TensorData pads = result.Graph.Nodes.Single(n => n.OpType == "Pad").ConstantInput(1)!;
        Assert.Equal(FiltersOf(result, "wide"), FiltersOf(result, "stem") + pads.AsSpan<long>()[1] + pads.AsSpan<long>()[5]);
        Assert.True(FiltersOf(result, "wide") == 8, "half of 16");
    }

    [Fact]
    public void Layers_that_cannot_be_pruned_say_why()
    {
        var b = new GraphBuilder();
        GraphValue stem = b.Conv("stem", b.Input, 8, 16);
        GraphValue grouped = b.Conv("grouped", stem, 16, 16, groups: 4);
        GraphValue mixed = b.Op("Softmax", "mix", b.Conv("before_mix", grouped, 16, 8, kernel: 1));
        GraphValue free = b.Conv("free", mixed, 8, 8, kernel: 1);
        GraphValue exponential = b.Op("Sigmoid", "sigmoid", b.Conv("before_sigmoid", free, 8, 8, kernel: 1));
        ModelGraph model = b.Finish(b.Conv("last", exponential, 8, 4, kernel: 1));
        PruningReport report = Prune(model, 0.5).Report;
        string ReasonOf(string name) => report.Layers.Single(l => l.Name == name).Reason;
        Assert.Contains("'grouped', a convolution with 4 groups", ReasonOf("stem"), StringComparison.Ordinal);
        Assert.Contains("a convolution with 4 groups", ReasonOf("grouped"), StringComparison.Ordinal);
        Assert.Contains("'mix' (Softmax)", ReasonOf("before_mix"), StringComparison.Ordinal);
        Assert.Contains("not zero at zero", ReasonOf("before_sigmoid"), StringComparison.Ordinal);
        Assert.Equal("an output of the model", ReasonOf("last"));
        Assert.Equal("", ReasonOf("free"));
        Assert.All(report.Layers.Where(l => l.Reason.Length > 0), l => Assert.Equal(l.Filters.Before, l.Filters.After));
        Assert.Equal(4, report.Layers.Single(l => l.Name == "free").Filters.After);
    }

    [Fact]
    public void Excluded_layers_keep_their_filters()
    {
        PruningReport report = Prune(GraphBuilder.Classifier(), 0.5, o => o with { IgnoredNodes = new HashSet<string> { "left" } }).Report;
        PrunedLayer left = report.Layers.Single(l => l.Name == "left");
        Assert.Equal((8, 8, "excluded by the user"), (left.Filters.Before, left.Filters.After, left.Reason));
        Assert.Contains("no convolution 'nothing'", Assert.Throws<QuantizationException>(
            () => Prune(GraphBuilder.Classifier(), 0.5,
                o => o with { IgnoredNodes = new HashSet<string> { "nothing" } })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_quantized_model_is_refused()
    {
        using CpuEngine engine = CpuEngine.Create();
        ModelGraph int8 = new PostTrainingQuantizer(engine).Quantize(GraphBuilder.Classifier(), Samples).Graph;
        string message = Assert.Throws<QuantizationException>(() => Prune(int8, 0.3)).Message;
        Assert.Contains("quantized already", message, StringComparison.Ordinal);
        Assert.Contains("prune the f32 model first", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Filters_parameters_and_operations_are_accounted()
    {
        // 8→16 3×3 on 10×10, then 16→4 1×1: removing 8 of 16 filters halves both layers.
        var b = new GraphBuilder();
        ModelGraph model = b.Finish(b.Conv("last", b.Op("Relu", "relu", b.Conv("first", b.Input, 8, 16)), 16, 4, kernel: 1));
        PruningReport report = Prune(model, 0.5).Report;
        Assert.Equal(new Change(20, 12), report.Filters);
        Assert.Equal(new Change((16 * 72) + 16 + (4 * 16) + 4, (8 * 72) + 8 + (4 * 8) + 4), report.Parameters);
        Assert.Equal(new Change(2 * 100 * ((16 * 72) + (4 * 16)), 2 * 100 * ((8 * 72) + (4 * 8))), report.Flops);
        Assert.Equal(0.4, report.Filters.Reduction, 9);
        Assert.Equal(0.5, report.Flops.Reduction, 9);
    }

    [Fact]
    public void Costs_of_nodes_equal_hand_counts_and_add_up_to_the_totals()
    {
        // 8→16 3×3 on 10×10; depthwise 3×3; pooled to 5×5; transposed 2×2 with stride 2 back to 10×10; flattened, 400→10.
        var b = new GraphBuilder();
        GraphValue pooled = b.MaxPool("pool", b.Op("Relu", "relu", b.Conv("dw", b.Conv("first", b.Input, 8, 16), 16, 16, groups: 16)));
        GraphValue weights = b.Constant("grow_w", 0.1, 16, 4, 2, 2);
        GraphValue grown = b.Graph.AddOperation("ConvTranspose", "grow", [pooled, weights], new GraphAttributes
        {
            { "kernel_shape", new long[] { 2, 2 } }, { "strides", new long[] { 2, 2 } },
        });
        ModelGraph model = b.Finish(b.Gemm("logits", b.Op("Flatten", "flat", grown), 400, 10));
        (string Name, long Parameters, long Flops)[] wanted =
        [
            ("first", (16 * 72) + 16, 2 * 100 * 16 * 72), ("dw", (16 * 9) + 16, 2 * 100 * 16 * 9),
            ("grow", 16 * 4 * 4, 2 * 25 * 16 * 4 * 4), ("logits", 4000 + 10, 2 * 4000),
        ];
        IReadOnlyDictionary<string, NodeCost> costs = ModelCost.Of(model, new Dictionary<string, Shape> { ["x"] = [1, 8, 10, 10] });
        Assert.Equal(wanted, costs.Where(c => c.Value.Parameters > 0).Select(c => (c.Key, c.Value.Parameters, c.Value.Flops)));

        b = new GraphBuilder();
        GraphValue second = b.Conv("second", b.Op("Relu", "relu", b.Conv("first", b.Input, 8, 16)), 16, 4, kernel: 1);
        PruningReport report = Prune(b.Finish(b.Gemm("logits", b.Op("Flatten", "flat", second), 400, 10)), 0.5).Report;
        NodeChange NodeOf(string name) => report.Nodes.Single(n => n.Name == name);
        Assert.Equal(new Change((16 * 72) + 16, (8 * 72) + 8), NodeOf("first").Parameters);
        Assert.Equal(new Change(2 * 100 * 4 * 16, 2 * 100 * 2 * 8), NodeOf("second").Flops);
        Assert.Equal(new Change(4010, 2010), NodeOf("logits").Parameters);
        Assert.Equal(report.Parameters, new Change(report.Nodes.Sum(n => n.Parameters.Before), report.Nodes.Sum(n => n.Parameters.After)));
        Assert.Equal(report.Flops, new Change(report.Nodes.Sum(n => n.Flops.Before), report.Nodes.Sum(n => n.Flops.After)));
    }

    [Fact]
    public void Reestimation_restores_the_means_of_normalized_and_biased_layers()
    {
        using CpuEngine engine = CpuEngine.Create();
        ModelGraph model = Normalized();
        PruningResult plain = Prune(model, 0.5, o => o with { Reestimate = false }), repaired = Prune(model, 0.5);

        // A normalization is given the moments of what it really reads.
        GraphNode bn = repaired.Masked.Nodes.Last(n => n.OpType == "BatchNormalization");
        ChannelMoments moments = ChannelStatistics.Measure(engine, repaired.Masked, [bn.Input(0).Name], Samples, default)[bn.Input(0).Name];
        bool[] mask = MaskOf(repaired.Masked, bn.Input(0).Producer!.Name);
        for (int c = 0; c < mask.Length; c++)
        {
            if (mask[c])
                Assert.Equal(moments.Mean[c], bn.ConstantInput(3)!.AsSpan<float>()[c], 4);
        }

        // A biased convolution has the mean of the unpruned model again.
        double[] wanted = Mean(engine, model), before = Mean(engine, plain.Graph), after = Mean(engine, repaired.Graph);
        double Error(double[] means) => means.Zip(wanted, (m, w) => Math.Abs(m - w)).Sum();
        Assert.True(Error(after) < 0.02 * Error(before), $"{Error(after)} after, {Error(before)} before");
    }

    [Fact]
    public void The_result_is_the_same_on_any_number_of_threads()
    {
        byte[] Of(int threads)
        {
            using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { Threads = threads });
            using var memory = new MemoryStream();
            OnnxModel.Save(new FilterPruner(engine).Prune(Normalized(), Samples, Options(0.5)).Graph, memory);
            return memory.ToArray();
        }

        Assert.Equal(Of(1), Of(3));
    }

    [Fact]
    public void Steps_end_at_the_rate_and_kept_filters_at_the_multiple()
    {
        PruningResult result = Prune(Residual(), 0, o => o with
        {
            Multiple = 4,
            Schedule = new PruningSchedule { Kind = PruningScheduleKind.ExponentialWithBias, InitialRate = 0.1, TargetRate = 0.6,
                Steps = 4 },
        });
        Assert.Equal(5, result.Report.Rates.Count);
        Assert.Equal(8, FiltersOf(result, "c1"));   // 16 − 9 = 7, rounded up
    }

    [Fact]
    public void A_trained_residual_network_is_pruned_as_accounted()
    {
        if (!ExternalData.TryGet("data/onnx/cifar10_resnet44.onnx", out string? path)
            || !ExternalData.TryGet("data/cifar10/train_2000.bin", out string? images))
            return;
        using CpuEngine engine = CpuEngine.Create();
        IDataset samples = DatasetFactory.Open(images, Preprocessing.FromPreset("cifar10"));
        PruningReport report = new FilterPruner(engine)
            .Prune(OnnxModel.Load(path), samples, Options(0.25) with { SampleCount = 8, Reestimate = false }).Report;
        Assert.Equal(0.25, report.Filters.Reduction, 2);
        Assert.InRange(report.Parameters.Reduction, 0.40, 0.48);   // 1 − 0.75² for all layers but the first and the last
        Assert.InRange(report.Flops.Reduction, 0.40, 0.48);
        Assert.InRange(report.Difference, 0, 1e-5);
        Assert.All(report.Layers, l => Assert.Equal("", l.Reason));
    }

    private static PruningOptions Options(double rate) => new() { Schedule = new PruningSchedule { TargetRate = rate } };

    private static PruningResult Prune(ModelGraph model, double rate, Func<PruningOptions, PruningOptions>? change = null)
    {
        using CpuEngine engine = CpuEngine.Create();
        return new FilterPruner(engine).Prune(model, Samples, change is null ? Options(rate) : change(Options(rate)));
    }

    private static int FiltersOf(PruningResult result, string name) =>
        result.Graph.Nodes.Single(n => n.Name == name).ConstantInput(1)!.Shape[0];

    private static bool[] MaskOf(ModelGraph graph, string convolution)
    {
        TensorData weights = graph.Nodes.Single(n => n.Name == convolution).ConstantInput(1)!;
        return [.. weights.AsSpan<float>().ToArray().Chunk(weights.ElementCount / weights.Shape[0]).Select(f => f.Any(w => w != 0))];
    }

    private static double[] Mean(CpuEngine engine, ModelGraph graph) =>
        ChannelStatistics.Measure(engine, graph, [graph.Outputs[0].Name], Samples, default)[graph.Outputs[0].Name].Mean;

    private static float[] Run(ModelGraph graph, int sample)
    {
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest(1);
        Samples.Load(sample, request.Input().AsSpan<float>());
        request.Run();
        return request.Output().AsSpan<float>().ToArray();
    }

    private static long Bytes(ModelGraph graph)
    {
        using var memory = new MemoryStream();
        OnnxModel.Save(graph, memory);
        return memory.Length;
    }

    private static ModelGraph Residual()
    {
        var b = new GraphBuilder();
        GraphValue x = b.Op("Relu", "r0", b.Conv("stem", b.Input, 8, 16));
        for (int i = 0; i < 2; i++)
        {
            GraphValue inner = b.Op("Relu", $"ri{i}", b.Conv($"c{(2 * i) + 1}", x, 16, 16));
            x = b.Op("Relu", $"rs{i}", b.Op("Add", $"s{i}", b.Conv($"c{(2 * i) + 2}", inner, 16, 16), x));
        }

        return b.Finish(b.Gemm("logits", b.Op("Flatten", "flat", b.Op("GlobalAveragePool", "mean", x)), 16, 10));
    }

    // Normalizations with running moments that fit nothing, and a biased convolution at the end.
    private static ModelGraph Normalized()
    {
        var b = new GraphBuilder();
        GraphValue Norm(string name, GraphValue x, int channels) => b.Graph.AddOperation("BatchNormalization", name,
            [x, b.Constant(name + "_scale", 1, channels), b.Constant(name + "_shift", 0.5, channels),
                b.Constant(name + "_mean", 0.5, channels), Positive(b, name + "_var", channels)]);
        GraphValue x = b.Op("Relu", "r1", Norm("bn1", b.Conv("c1", b.Input, 8, 12, bias: false), 12));
        x = b.Op("Relu", "r2", Norm("bn2", b.Conv("c2", x, 12, 12, bias: false), 12));
        return b.Finish(b.Conv("last", x, 12, 4, kernel: 1));
    }

    private static GraphValue Positive(GraphBuilder b, string name, int channels) =>
        b.Graph.AddConstant(name, TensorData.Vector<float>([.. Enumerable.Range(1, channels).Select(c => 0.5f + (c / 10f))]));

    // The shortcut of the residual networks for CIFAR-10: zeros are appended on either side of the channels.
    private static ModelGraph PaddedShortcut()
    {
        var b = new GraphBuilder();
        GraphValue stem = b.Op("Relu", "r0", b.Conv("stem", b.Input, 8, 8));
        GraphValue wide = b.Conv("wide", b.Op("Relu", "r1", b.Conv("inner", stem, 8, 16)), 16, 16);
        GraphValue pads = b.Graph.AddConstant("pads", TensorData.Vector<long>(0, 4, 0, 0, 0, 4, 0, 0));
        GraphValue sum = b.Op("Relu", "r2", b.Op("Add", "sum", wide, b.Op("Pad", "pad", stem, pads)));
        return b.Finish(b.Conv("last", sum, 16, 4, kernel: 1));
    }

    private static ModelGraph Flattened()
    {
        var b = new GraphBuilder();
        GraphValue x = b.MaxPool("pool", b.Op("Relu", "r", b.Conv("c", b.Input, 8, 6)));
        GraphValue shape = b.Graph.AddConstant("shape", TensorData.Vector<long>(-1, 150));
        return b.Finish(b.Gemm("logits", b.Op("Reshape", "flat", x, shape), 150, 10));
    }

    // Squeeze-and-excitation, and x·sigmoid(x).
    private static ModelGraph Gated()
    {
        var b = new GraphBuilder();
        GraphValue c = b.Conv("c", b.Input, 8, 12);
        GraphValue x = b.Op("Mul", "silu", c, b.Op("Sigmoid", "sig", c));
        GraphValue squeezed = b.Op("Relu", "sr", b.Conv("squeeze", b.Op("GlobalAveragePool", "mean", x), 12, 4, kernel: 1));
        GraphValue gate = b.Op("Sigmoid", "gate", b.Conv("expand", squeezed, 4, 12, kernel: 1));
        return b.Finish(b.Conv("last", b.Op("Mul", "gated", x, gate), 12, 4, kernel: 1));
    }

    // Upsampling to extents, which name the channels as well.
    private static ModelGraph Resized()
    {
        var b = new GraphBuilder();
        GraphValue small = b.MaxPool("pool", b.Op("Relu", "r", b.Conv("c", b.Input, 8, 12)));
        GraphValue sizes = b.Graph.AddConstant("sizes", TensorData.Vector<long>(1, 12, 10, 10));
        GraphValue nothing = b.Graph.AddConstant("nothing", TensorData.Vector<float>());
        GraphValue large = b.Op("Resize", "up", small, nothing, nothing, sizes);
        return b.Finish(b.Conv("last", b.Op("Add", "sum", large, b.Conv("side", b.Input, 8, 12)), 12, 4, kernel: 1));
    }

    // Constants per channel that scale and shift, as imported normalizations often are.
    private static ModelGraph Scaled()
    {
        var b = new GraphBuilder();
        GraphValue c = b.Conv("c", b.Input, 8, 10, bias: false);
        GraphValue scaled = b.Op("Mul", "scale", c, b.Constant("s", 1, 10, 1, 1));
        GraphValue shifted = b.Op("Relu", "relu", b.Op("Add", "shift", b.Constant("t", 1, 1, 10, 1, 1), scaled));
        return b.Finish(b.Conv("last", shifted, 10, 4, kernel: 1));
    }
}
