// The algorithms of the pipeline: what they promise, and that users can add their own.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;

namespace Int8Runtime.Quantization.Tests.Algorithms;

public sealed class OptimizationTests
{
    private static readonly IDataset Samples = new SyntheticDataset([8, 10, 10], 24, seed: 3);

    [Fact]
    public void The_default_pipeline_is_alignment_ranges_and_bias_correction_each_switchable()
    {
        string[] NamesOf(QuantizationOptions options) => [.. OptimizationPipeline.Default(options).Algorithms.Select(a => a.Name)];
        Assert.Equal(["activation channel alignment", "range quantization", "fast bias correction"], NamesOf(new QuantizationOptions()));
        Assert.Equal(["range quantization", "fast bias correction"], NamesOf(new QuantizationOptions { AlignChannels = false }));
        Assert.Equal(["activation channel alignment", "range quantization"],
            NamesOf(new QuantizationOptions { BiasCorrection = BiasCorrectionMode.None }));
        Assert.Equal(
            ["SmoothQuant", "range quantization", "full bias correction"],
            NamesOf(new QuantizationOptions { AlignChannels = false, SmoothQuantStrength = 0.5,
                BiasCorrection = BiasCorrectionMode.Full }));
    }

    [Fact]
    public void A_users_algorithm_runs_in_the_pipeline()
    {
        using CpuEngine engine = CpuEngine.Create();
        var pipeline = new OptimizationPipeline(new ReluToIdentity(), new MinMaxQuantization());
        QuantizationResult result = pipeline.Run(engine, GraphBuilder.Classifier(), Samples);
        Assert.DoesNotContain(result.Graph.Nodes, n => n.OpType == "Relu");
        Assert.Contains("removed 4 rectifiers", result.Report.Notes);
        Assert.Contains(result.Graph.Nodes, n => n.OpType == "QuantizeLinear");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    public void Channel_alignment_keeps_the_f32_result_and_lowers_the_int8_error(int groups)
    {
        ModelGraph skewed = GraphBuilder.Skewed(groups);
        using CpuEngine engine = CpuEngine.Create();
        var alignment = new OptimizationPipeline(new ActivationChannelAlignment());
        QuantizationResult aligned = alignment.Run(engine, skewed, Samples);
        Assert.Contains("aligned the channels of 1 activations", aligned.Report.Notes);
        float[] expected = Model.Run(skewed, Samples, 1), same = Model.Run(aligned.Graph, Samples, 1);
        float range = expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++)
            Assert.InRange(Math.Abs(expected[i] - same[i]), 0, 1e-5f * range);

        double Error(bool align) => Model.NoisePower(expected, Model.Run(
            new PostTrainingQuantizer(engine)
                .Quantize(skewed, Samples,
                    new QuantizationOptions { AlignChannels = align, BiasCorrection = BiasCorrectionMode.None }).Graph,
                        Samples, 1));
        double before = Error(false), after = Error(true);
        Assert.True(after < before / 2, $"error {before:g3} became {after:g3}");
    }

    [Theory]
    [InlineData(BiasCorrectionMode.Fast)]
    [InlineData(BiasCorrectionMode.Full)]
    public void Bias_correction_leaves_a_tenth_of_the_mean_shift_of_each_channel(BiasCorrectionMode mode)
    {
        var build = new GraphBuilder();
        // Fast correction looks at each layer alone; what an earlier layer passes on is left to full correction.
        GraphValue x = mode == BiasCorrectionMode.Fast
            ? build.Op("Relu", "r1", build.Input) : build.Op("Relu", "r1", build.Conv("c1", build.Input, 8, 8, kernel: 1));
        ModelGraph f32 = build.Finish(build.Conv("c2", x, 8, 12, kernel: 1));
        double[] exact = Model.ChannelMeans(f32, Samples);
        // Few bits make the shift large against what rounding the bias to s32 leaves.
        QuantizationResult Of(BiasCorrectionMode correction) => Model.Quantize(
            f32, Samples, new QuantizationOptions { BiasCorrection = correction, WeightBits = 3, AlignChannels = false });
        double[] Shifts(QuantizationResult result) => [.. Model.ChannelMeans(result.Graph, Samples).Zip(exact, (q, e) => Math.Abs(q - e))];
        QuantizationResult corrected = Of(mode);
        double[] before = Shifts(Of(BiasCorrectionMode.None)), after = Shifts(corrected);
        Assert.True(before.Max() > 0.01);
        float[] steps = corrected.Graph.Nodes.Last(n => n.OpType == "Conv").Input(2).Producer!.ConstantInput(1)!.AsSpan<float>().ToArray();
        for (int c = 0; c < before.Length; c++)
            Assert.True(after[c] <= Math.Max(0.1 * before[c], 0.51 * steps[c]),
                $"channel {c}: {before[c]:g3} became {after[c]:g3}, a step is {steps[c]:g3}");
        Assert.True(after.Sum() <= 0.1 * before.Sum(), $"{before.Sum():g3} became {after.Sum():g3}");
    }

    [Fact]
    public void Full_bias_correction_gives_layers_without_bias_one()
    {
        var build = new GraphBuilder();
        GraphValue x = build.Op("Relu", "r1", build.Conv("c1", build.Input, 8, 16, bias: false));
        ModelGraph f32 = build.Finish(build.Conv("c2", x, 16, 12, bias: false));
        double[] exact = Model.ChannelMeans(f32, Samples);
        QuantizationResult corrected =
            Model.Quantize(f32, Samples, new QuantizationOptions { BiasCorrection = BiasCorrectionMode.Full, WeightBits = 3 });
        QuantizationResult plain =
            Model.Quantize(f32, Samples, new QuantizationOptions { BiasCorrection = BiasCorrectionMode.None, WeightBits = 3 });
        Assert.All(corrected.Graph.Nodes.Where(n => n.OpType == "Conv"), n => Assert.NotNull(n.OptionalInput(2)));
        double Shift(QuantizationResult r) => Model.ChannelMeans(r.Graph, Samples).Zip(exact, (q, e) => Math.Abs(q - e)).Sum();
        Assert.True(Shift(corrected) <= 0.1 * Shift(plain), $"{Shift(plain):g3} became {Shift(corrected):g3}");
    }

    [Fact]
    public void SmoothQuant_keeps_the_f32_result_and_lowers_the_error_of_outlier_channels()
    {
        IDataset tokens = new SyntheticDataset([6, 32], 16, seed: 8);
        var graph = new ModelGraph("block");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(GraphDimension.Named("N"), 6, 32));
        var scale = new float[32];
        for (int c = 0; c < 32; c++)
            scale[c] = c == 5 ? 60 : 1;
        GraphValue normal = graph.AddOperation(
            "LayerNormalization", "norm",
            [x, graph.AddConstant("gamma", TensorData.Vector<float>(scale)),
                graph.AddConstant("beta", TensorData.Vector<float>(new float[32]))],
            new GraphAttributes { { "axis", -1 } });
        TensorData weights = TensorData.Allocate(DataType.Float32, [32, 24], out Span<float> values);
        NormalDistribution.Fill(new Random(4), values, 0.2);
        GraphValue product = graph.AddOperation("MatMul", "product", [normal, graph.AddConstant("w", weights)]);
        product.ElementType = DataType.Float32;
        graph.AddOutput(product);

        float[] expected = Model.Run(graph, tokens, 2);
        using CpuEngine engine = CpuEngine.Create();
        float[] smooth = Model.Run(new OptimizationPipeline(new SmoothQuant()).Run(engine, graph, tokens).Graph, tokens, 2);
        float range = expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++)
            Assert.InRange(Math.Abs(expected[i] - smooth[i]), 0, 1e-5f * range);
        double Error(double? strength) => Model.NoisePower(expected, Model.Run(
            Model.Quantize(graph, tokens, new QuantizationOptions { SmoothQuantStrength = strength }).Graph, tokens, 2));
        Assert.True(Error(0.5) < Error(null) / 4, $"{Error(null):g3} became {Error(0.5):g3}");
    }

    [Theory]
    [InlineData("names")]
    [InlineData("expressions")]
    [InlineData("operators")]
    public void Ignored_nodes_have_no_quantizer_before_them(string by)
    {
        IgnoredScope scope = by switch
        {
            "names" => new() { Names = ["logits"] },
            "expressions" => new() { Expressions = ["^log.ts$"] },
            _ => new() { Operators = ["Gemm"] },
        };
        QuantizationResult result = Model.Quantize(GraphBuilder.Classifier(), Samples, new QuantizationOptions { Ignored = scope });
        GraphNode gemm = result.Graph.Nodes.Single(n => n.OpType == "Gemm");
        Assert.True(gemm.Input(1).IsConstant);
        Assert.NotEqual("DequantizeLinear", gemm.Input(0).Producer!.OpType);
        Assert.Contains("exclu", result.Report.Nodes.Single(n => n.Name == "logits").Reason, StringComparison.Ordinal);
        Assert.Contains(result.Graph.Nodes, n => n.OpType == "QuantizeLinear");
    }

    [Theory]
    [InlineData("names", "nobody")]
    [InlineData("expressions", "no.body")]
    [InlineData("expressions", "(")]
    [InlineData("operators", "Nothing")]
    public void Scopes_that_fit_nothing_are_refused(string by, string text)
    {
        IgnoredScope scope = by switch { "names" => new() { Names = [text] }, "expressions" => new() { Expressions = [text] },
            _ => new() { Operators = [text] } };
        string message = Assert.Throws<QuantizationException>(() =>
            Model.Quantize(GraphBuilder.Classifier(), Samples, new QuantizationOptions { Ignored = scope })).Message;
        Assert.Contains(text, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shipped_patterns_are_found_and_left_in_f32()
    {
        var build = new GraphBuilder();
        GraphValue conv = build.Conv("c1", build.Input, 8, 8);
        GraphValue pool = build.Op("GlobalAveragePool", "se_pool", conv);
        GraphValue gate = build.Op("Sigmoid", "se_gate",
            build.Conv("se_expand", build.Op("Relu", "se_relu", build.Conv("se_reduce", pool, 8, 4, kernel: 1)), 4, 8,
                kernel: 1));
        GraphValue scaled = build.Op("Mul", "se_mul", conv, gate);
        GraphValue shifted = build.Op("Add", "hs_add", scaled, build.Graph.AddConstant("three", TensorData.Scalar(3f)));
        GraphValue swish = build.Op("Mul", "hs_mul", scaled, build.Clip("hs_clip", shifted));
        ModelGraph graph = build.Finish(build.Conv("last", swish, 8, 4));
        string[] Found(string name) =>
            [.. NodePattern.Shipped.Single(p => p.Name == name).IgnoredNodes(graph).Select(n => n.Name)
                .Order(StringComparer.Ordinal)];
        Assert.Equal(["se_gate", "se_mul", "se_pool"], Found("squeeze and excitation"));
        Assert.Equal(["hs_add", "hs_clip", "hs_mul"], Found("hard swish"));
        Assert.Empty(Found("attention weights"));
        Assert.True(NodePattern.Shipped.Count >= 10);

        string file = Path.GetTempFileName();
        foreach (string node in (string[])["null", "3"])
        {
            File.WriteAllText(file, $$"""{"patterns": [{"name": "p", "nodes": {"a": {{node}}}, "ignored": ["a"]}]}""");
            Assert.Contains("is no pattern file", Assert.Throws<QuantizationException>(() => NodePattern.Load(file)).Message,
                StringComparison.Ordinal);
        }

        File.WriteAllText(file, """{"patterns": [{"name": "p", "nodes": {"a": "Add"}, "edges": [null]}]}""");
        Assert.Throws<QuantizationException>(() => NodePattern.Load(file));
        File.Delete(file);

        QuantizationResult result = Model.Quantize(graph, Samples, new QuantizationOptions());
        Assert.Equal("part of the pattern 'squeeze and excitation'", result.Report.Nodes.Single(n => n.Name == "se_pool").Reason);
        Assert.True(result.Report.Nodes.Single(n => n.Name == "se_reduce").IsQuantized);
    }

    [Fact]
    public void Profiles_ship_as_data_and_are_obeyed()
    {
        Assert.Equal(["any", "avx2", "avx512", "bf16", "vnni"], HardwareProfile.Names);
        QuantizationResult avx2 = Model.Quantize(GraphBuilder.Classifier(), Samples,
            new QuantizationOptions { Profile = HardwareProfile.Load("avx2") });
        foreach (GraphNode node in avx2.Graph.Nodes.Where(n => n.OpType is "Conv" or "Gemm"))
        {
            TensorData weights = node.Input(1).Producer!.ConstantInput(0)!;
            var layout = new MemoryDescriptor(weights.Shape, DataType.Int8);
            WeightPairs pairs = node.Is("Gemm")
                ? WeightPairs.ForInnerProduct(layout)
                : WeightPairs.ForConvolution(layout, node.Attributes.GetInt32("group", 1), 1);
            Assert.True(pairs.Fit(weights.AsSpan<sbyte>()), node.Name);
        }

        QuantizationResult bf16 = Model.Quantize(GraphBuilder.Classifier(), Samples,
            new QuantizationOptions { Profile = HardwareProfile.Load("bf16") });
        Assert.Equal("profile 'bf16' leaves Add in f32", bf16.Report.Nodes.Single(n => n.OpType == "Add").Reason);

        string path = Path.Combine(Path.GetTempPath(), $"profile-{Guid.NewGuid():N}.json");
        File.WriteAllText(path, """{"name":"mine","description":"","weight_bits":5,"asymmetric_activations":false,"per_channel_weights":false,"operators":["Conv"]}""");
        try
        {
            QuantizationResult mine = Model.Quantize(GraphBuilder.Classifier(), Samples,
                new QuantizationOptions { Profile = HardwareProfile.Load(path) });
            Assert.All(mine.Report.Activations, a => Assert.Equal(0, a.Parameters.ZeroPoint));
            Assert.All(mine.Graph.Nodes.Where(n => n.OpType == "Conv" && n.Input(1).Producer is not null),
                n => Assert.Equal(1, n.Input(1).Producer!.ConstantInput(1)!.ElementCount));
            Assert.False(mine.Report.Nodes.Single(n => n.OpType == "Gemm").IsQuantized);
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Contains("avx512", Assert.Throws<QuantizationException>(() => HardwareProfile.Load("sse9")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_are_per_channel_or_per_tensor_and_run_in_both_forms()
    {
        ModelGraph f32 = GraphBuilder.Classifier();
        float[] expected = Model.Run(f32, Samples, 1);
        var plain = new QuantizationOptions { Profile = HardwareProfile.Load("vnni") };
        QuantizationResult tensor = Model.Quantize(f32, Samples, plain with { PerChannelWeights = false });
        QuantizationResult channel = Model.Quantize(f32, Samples, plain);
        Assert.All(Weights(tensor), w => Assert.Equal(1, w.ConstantInput(1)!.ElementCount));
        Assert.All(Weights(channel), w => Assert.True(w.ConstantInput(1)!.ElementCount > 1));
        double tensorNoise = Model.NoisePower(expected, Model.Run(tensor.Graph, Samples, 1)),
            channelNoise = Model.NoisePower(expected, Model.Run(channel.Graph, Samples, 1));
        Assert.True(channelNoise < tensorNoise && tensorNoise < 0.01, $"{channelNoise:g3}, {tensorNoise:g3}");
        Assert.Contains(tensor.Report.Notes, n => n.StartsWith("1 grouped or depthwise", StringComparison.Ordinal));
        Assert.DoesNotContain(channel.Report.Notes, n => n.Contains("depthwise", StringComparison.Ordinal));
    }

    [Fact]
    public void The_report_shows_how_ranges_settle_with_the_number_of_samples()
    {
        QuantizationResult result = Model.Quantize(GraphBuilder.Classifier(), Samples, new QuantizationOptions { AlignChannels = false });
        IReadOnlyList<RangeConvergence> convergence = result.Report.Convergence;
        int n = result.Report.Samples;
        Assert.Equal([(n + 7) / 8, (n + 3) / 4, (n + 1) / 2, n], convergence.Select(c => c.Samples));
        Assert.Equal((1.0, 1.0), (convergence[^1].Median, convergence[^1].Least));
        Assert.All(convergence, c => Assert.InRange(c.Least, 1e-3, c.Median));
        for (int i = 1; i < convergence.Count; i++)
            Assert.True(convergence[i].Median >= convergence[i - 1].Median && convergence[i].Least >= convergence[i - 1].Least);

        var meter = new ConvergenceMeter(new MinMaxEstimator());
        for (int sample = 0; sample < 16; sample++)
            meter.Observe([0, sample], sample);
        Assert.Equal([8 / 15.0, 12 / 15.0, 14 / 15.0, 1], meter.Shares());
    }

    [Fact]
    public void Models_for_CPUs_without_dot_products_run_on_pairs_of_bytes()
    {
        Assert.Equal("avx2", HardwareProfile.For(IsaTiers.Avx2).Name);
        Assert.Equal("avx512", HardwareProfile.For(IsaTiers.Avx512).Name);
        Assert.Equal("vnni", HardwareProfile.For(IsaTiers.Avx2Vnni).Name);
        Assert.Equal("vnni", HardwareProfile.For(IsaTiers.Avx512Bf16).Name);
        Assert.Equal("avx2", HardwareProfile.For(IsaTiers.Sse41).Name);
        Assert.Equal("any", HardwareProfile.For(Isa.None).Name);
        foreach (QuantizationOptions options in new[] { new QuantizationOptions { WeightBits = 7 },
            new QuantizationOptions { Profile = HardwareProfile.For(IsaTiers.Avx2) } })
        {
            QuantizationResult result = Model.Quantize(GraphBuilder.Classifier(), Samples, options);
            Assert.All(Weights(result), w => Assert.InRange(
                w.ConstantInput(0)!.AsSpan<sbyte>().ToArray().Max(v => Math.Abs((int)v)), 1, options.WeightBits == 7 ? 63 : 127));
            Assert.Equal(options.WeightBits == 7, Weights(result).All(w => WeightPairs.Any.Fit(w.ConstantInput(0)!.AsSpan<sbyte>())));
            using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { MaxIsa = IsaTiers.Avx2, Threads = 1 });
            using CompiledModel model = engine.Compile(result.Graph);
            NodeExplanation[] products =
                [.. model.Explain().Nodes.Where(n => n.WeightsLayout.StartsWith("brgemm", StringComparison.Ordinal))];
            Assert.Equal(5, products.Length);
            Assert.All(products, p => Assert.Contains(":uint8", p.WeightsLayout, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Power_of_two_scales_are_written_everywhere()
    {
        QuantizationResult result = Model.Quantize(GraphBuilder.Classifier(), Samples, new QuantizationOptions { PowerOfTwoScales = true });
        foreach (GraphNode node in result.Graph.Nodes.Where(n => n.OpType is "QuantizeLinear" or "DequantizeLinear"))
            foreach (float scale in node.ConstantInput(1)!.AsSpan<float>())
                Assert.Equal(scale, MathF.ScaleB(1, MathF.ILogB(scale)));
        Assert.True(Model.NoisePower(Model.Run(GraphBuilder.Classifier(), Samples, 1), Model.Run(result.Graph, Samples, 1)) < 0.01);
    }

    [Fact]
    public void First_and_last_layers_have_the_precision_that_is_asked_for()
    {
        QuantizationResult Of(LayerPrecision first, LayerPrecision last) =>
            Model.Quantize(GraphBuilder.Classifier(), Samples, new QuantizationOptions { FirstLayer = first, LastLayer = last });
        bool IsQuantized(QuantizationResult r, string name) => r.Report.Nodes.Single(n => n.Name == name).IsQuantized;
        QuantizationResult usual = Of(LayerPrecision.Default, LayerPrecision.Default);
        Assert.True(IsQuantized(usual, "stem") && IsQuantized(usual, "logits"));
        Assert.NotEqual("DequantizeLinear", usual.Graph.Outputs[0].Producer!.OpType);
        QuantizationResult f32 = Of(LayerPrecision.Float32, LayerPrecision.Float32);
        Assert.Equal("first layer", f32.Report.Nodes.Single(n => n.Name == "stem").Reason);
        Assert.Equal("last layer", f32.Report.Nodes.Single(n => n.Name == "logits").Reason);
        Assert.True(IsQuantized(f32, "project"));
        QuantizationResult int8 = Of(LayerPrecision.Int8, LayerPrecision.Int8);
        Assert.Contains(int8.Report.Activations, a => a.Name == "logits");
        Assert.NotEmpty(Model.Run(int8.Graph, Samples, 0));
    }

    [Fact]
    public void Concatenated_branches_share_the_largest_range_and_nothing_is_clipped()
    {
        var build = new GraphBuilder();
        GraphValue[] branches = [.. Enumerable.Range(0, 4)
            .Select(i => build.Op("Relu", $"r{i}", build.Conv($"b{i}", build.Input, 8, 4 << i, kernel: 1 + (2 * (i % 2)))))];
        ModelGraph f32 = build.Finish(build.Conv("last", build.Concat("joined", branches), 60, 4));
        QuantizationResult result = Model.Quantize(f32, Samples, new QuantizationOptions { AlignChannels = false });
        QuantizedActivation[] members = [.. result.Report.Activations.Where(a => a.Name is "r0" or "r1" or "r2" or "r3" or "joined")];
        Assert.Equal(5, members.Length);
        Assert.Single(members.Select(m => m.Parameters).Distinct());
        float largest = branches.Max(b => Model.Run(f32, Samples, 1, b.Name).Max());
        Assert.True(members[0].Observed.Maximum >= largest);
        Assert.Equal(members[0].Observed.Maximum / 255, members[0].Parameters.Scale, 1e-6f);
    }

    [Fact]
    public void Detection_heads_stay_f32_with_the_reason()
    {
        var build = new GraphBuilder();
        GraphValue features = build.Op("Relu", "r", build.Conv("c", build.Input, 8, 8));
        GraphValue boxes = build.Op("Sigmoid", "decode", build.Conv("box", features, 8, 4, kernel: 1));
        GraphValue best = build.Graph.AddValue("best", DataType.Float32), index = build.Graph.AddValue("index", DataType.Int64);
        build.Graph.AddNode("TopK", [build.Op("Flatten", "flat", boxes), build.Graph.AddConstant("k", TensorData.Vector(5L))],
            [best, index]);
        ModelGraph graph = build.Finish(best);
        QuantizationResult result = Model.Quantize(graph, Samples, new QuantizationOptions());
        Assert.StartsWith("detection head", result.Report.Nodes.Single(n => n.Name == "flat").Reason, StringComparison.Ordinal);
        NodePrecision box = result.Report.Nodes.Single(n => n.Name == "box");
        Assert.False(box.IsQuantized);
        Assert.StartsWith("detection head", box.Reason, StringComparison.Ordinal);
        Assert.True(result.Report.Nodes.Single(n => n.Name == "c").IsQuantized);
        var all = new QuantizationOptions { Ignored = new IgnoredScope { DetectionHeads = false } };
        Assert.True(Model.Quantize(graph, Samples, all).Report.Nodes.Single(n => n.Name == "box").IsQuantized);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Joined_predictions_of_several_maps_are_a_detection_head_and_joined_classifiers_are_not(bool isDetector)
    {
        var build = new GraphBuilder();
        GraphValue fine = build.Op("Relu", "fine", build.Conv("a", build.Input, 8, 8)), coarse = build.MaxPool("coarse", fine);
        GraphValue Rows(string name, GraphValue features)
        {
            GraphValue map = build.Concat(name + "_parts", build.Conv(name + "_boxes", features, 8, 4, kernel: 1),
                build.Op("Sigmoid", name + "_scores", build.Conv(name + "_logits", features, 8, 3, kernel: 1)));
            return isDetector
                ? build.Graph.AddOperation("Reshape", name + "_rows",
                    [map, build.Graph.AddConstant(name + "_shape", TensorData.Vector(0L, 7L, -1L))])
                : build.Op("Flatten", name + "_rows", build.Op("GlobalAveragePool", name + "_mean", map));
        }

        ModelGraph graph = build.Finish(build.Graph.AddOperation(
            "Concat", "joined", [Rows("p", fine), Rows("q", coarse)], new GraphAttributes { { "axis", isDetector ? 2 : 1 } }));
        QuantizationResult result = Model.Quantize(graph, Samples, new QuantizationOptions());
        foreach (string name in new[] { "p_boxes", "p_logits", "q_boxes", "q_logits" })
        {
            NodePrecision node = result.Report.Nodes.Single(n => n.Name == name);
            Assert.Equal(!isDetector, node.IsQuantized);
            Assert.Equal(isDetector, node.Reason.StartsWith("detection head: predictions of 2 maps", StringComparison.Ordinal));
        }

        Assert.Equal(isDetector, result.Report.Notes.Any(n => n.StartsWith("a detector", StringComparison.Ordinal)));
        Assert.True(result.Report.Nodes.Single(n => n.Name == "a").IsQuantized);
    }

    // Channel ranges from 1 to 64 behind a swish, read by a depthwise convolution, by dense ones and through a concatenation.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Channels_behind_a_swish_are_aligned_by_a_multiplication_where_weights_read_them(bool alsoOutput)
    {
        var build = new GraphBuilder();
        GraphValue Swish(string name, GraphValue x) => build.Op("Mul", name, x, build.Op("Sigmoid", name + "_gate", x));
        GraphValue first = build.Conv("first", build.Input, 8, 16);
        build.Graph.Nodes.Single(n => n.Name == "first")
            .SetInput(1, Spread(build, build.Graph.Nodes.Single(n => n.Name == "first").ConstantInput(1)!));
        GraphValue wide = Swish("wide", first);
        GraphValue deep = Swish("deep", build.Conv("depthwise", wide, 16, 16, groups: 16));
        GraphValue joined = build.Concat("join", wide, deep);
        GraphValue last = build.Conv("last", joined, 32, 6, kernel: 1);
        ModelGraph f32 = alsoOutput ? build.Finish(last, wide) : build.Finish(last);
        QuantizationResult aligned = Model.Quantize(f32, Samples, new QuantizationOptions());
        GraphNode[] factors = [.. aligned.Graph.Nodes.Where(n => n.Is("Mul") && n.Inputs.Any(i => i is { IsConstant: true }))];
        if (alsoOutput)
        {
            // What the caller reads has to stay what it is.
            Assert.DoesNotContain(factors, f => f.Input(0).Name == "wide");
            return;
        }

        float[] expected = Model.Run(f32, Samples, 1);
        Assert.Contains(factors, f => f.Input(0).Name == "wide");
        Assert.Contains(aligned.Report.Notes, n => n.Contains("by a multiplication", StringComparison.Ordinal));
        Assert.True(Model.NoisePower(expected, Model.Run(aligned.Reference!, Samples, 1)) < 1e-10);
        QuantizationResult plain = Model.Quantize(f32, Samples, new QuantizationOptions { AlignChannels = false });
        double before = Model.NoisePower(expected, Model.Run(plain.Graph, Samples, 1)),
            after = Model.NoisePower(expected, Model.Run(aligned.Graph, Samples, 1));
        Assert.True(after < before / 2, $"{before:g3} → {after:g3}");
    }

    [Fact]
    public void Every_estimator_quantizes_a_model()
    {
        using CpuEngine engine = CpuEngine.Create();
        var quantizer = new PostTrainingQuantizer(engine);
        ModelGraph f32 = GraphBuilder.Classifier();
        float[] expected = Model.Run(f32, Samples, 1);
        foreach (string name in (string[])["mean", "moving", "percentile:99.9", "kl", "mse", "aciq-laplace", "aciq-gauss",
            "quantile:0.999/median"])
        {
            foreach (QuantizationPreset preset in Enum.GetValues<QuantizationPreset>())
            {
                ModelGraph int8 = quantizer.Quantize(f32, Samples,
                    new QuantizationOptions { Estimation = RangeEstimation.Parse(name), Preset = preset }).Graph;
                double noise = Model.NoisePower(expected, Model.Run(int8, Samples, 1));
                Assert.True(noise < 0.05, $"{name}, {preset}: noise {noise:g3} of the signal");
            }
        }
    }

    [Fact]
    public void Overflowing_accumulators_are_noted()
    {
        var build = new GraphBuilder(channels: 1, size: 300);
        ModelGraph f32 = build.Finish(build.Gemm("fc", build.Op("Flatten", "flat", build.Input), 90_000, 2));
        QuantizationResult result = Model.Quantize(f32, new SyntheticDataset([1, 300, 300], 2), new QuantizationOptions());
        Assert.Contains(result.Report.Notes, n => n.Contains("33 bits", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("percentile")]
    [InlineData("kl")]
    public void Ten_thousand_samples_stay_within_200_MiB(string estimator)
    {
        var build = new GraphBuilder(channels: 3, size: 8);
        ModelGraph f32 = build.Finish(build.Conv("c2", build.Op("Relu", "r", build.Conv("c1", build.Input, 3, 8)), 8, 4));
        long baseline = 0, highest = 0;
        var progress = new Watcher(p =>
        {
            if (p.Done % 500 != 0)
                return;
            highest = Math.Max(highest, Environment.WorkingSet);
            baseline = baseline == 0 ? Environment.WorkingSet : baseline;
        });
        using CpuEngine engine = CpuEngine.Create();
        var options = new QuantizationOptions
        {
            SampleCount = 10_000, Estimation = RangeEstimation.Parse(estimator), AlignChannels = false,
            BiasCorrection = BiasCorrectionMode.None,
        };
        QuantizationResult result = new PostTrainingQuantizer(engine)
            .Quantize(f32, new SyntheticDataset([3, 8, 8], 10_000), options, progress);
        Assert.Equal(10_000, result.Report.Samples);
        Assert.True(highest - baseline < 200L << 20, $"{(highest - baseline) >> 20} MiB more");
    }

    private static IEnumerable<GraphNode> Weights(QuantizationResult result) =>
        result.Graph.Nodes.Where(n => n.OpType is "Conv" or "Gemm").Select(n => n.Input(1).Producer!);

    // Channels whose ranges differ by a factor of 200.
    // Filter c is multiplied by 64^(-c/15).
    private static GraphValue Spread(GraphBuilder build, TensorData weights)
    {
        TensorData spread = TensorData.Allocate(DataType.Float32, weights.Shape, out Span<float> values);
        ReadOnlySpan<float> before = weights.AsSpan<float>();
        int filter = values.Length / weights.Shape[0];
        for (int i = 0; i < values.Length; i++)
            values[i] = 8 * before[i] * MathF.Pow(64, -(i / filter) / 15f);
        return build.Graph.AddConstant("spread", spread);
    }

    private sealed class Watcher(Action<SampleProgress> watch) : IProgress<SampleProgress>
    {
        public void Report(SampleProgress value) => watch(value);
    }

    private sealed class ReluToIdentity : IOptimizationAlgorithm
    {
        public string Name => "rectifier removal";

        public void Run(OptimizationContext context)
        {
            GraphNode[] rectifiers = [.. context.Graph.Nodes.Where(n => n.OpType == "Relu")];
            foreach (GraphNode node in rectifiers)
            {
                context.Graph.ReplaceUses(node.Output, node.Input(0));
                context.Graph.RemoveNode(node);
            }

            context.Note($"removed {rectifiers.Length} rectifiers");
        }
    }
}
