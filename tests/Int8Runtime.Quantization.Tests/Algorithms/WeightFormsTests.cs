// Dynamic quantization, weight-only forms, and reverting layers for accuracy.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.TestKit;
using FsCheck;
using FsCheck.Fluent;

namespace Int8Runtime.Quantization.Tests.Algorithms;

public sealed class WeightFormsTests
{
    private static readonly IDataset Samples = new SyntheticDataset([8, 10, 10], 16, seed: 3);

    [Fact]
    public void Dynamic_models_run_their_products_on_integers_and_are_close_to_f32()
    {
        ModelGraph f32 = GraphBuilder.Classifier();
        QuantizationResult dynamic = DynamicQuantizer.Convert(f32);
        Assert.Equal(f32.Nodes.Count(n => n.OpType == "Conv"), dynamic.Graph.Nodes.Count(n => n.OpType == "ConvInteger"));
        Assert.Single(dynamic.Graph.Nodes, n => n.OpType == "MatMulInteger");
        // left and right read the same pooled value.
        Assert.Equal(dynamic.Report.QuantizedNodes - 1, dynamic.Graph.Nodes.Count(n => n.OpType == "DynamicQuantizeLinear"));
        ModelGraph loaded = OnnxModel.Load(Bytes(dynamic.Graph));
        double noise = Model.NoisePower(Model.Run(f32, Samples, 1), Model.Run(loaded, Samples, 1));
        Assert.True(noise < 0.003, $"noise {noise:g3}");
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(loaded);
        Assert.All(model.Explain().Nodes.Where(n => n is { OpType: "ConvInteger" or "MatMulInteger" }
            && n.MultiplyAccumulates > 0), n => Assert.True(n.IsInt8, $"{n.Name}: {n.Precision}"));
        NodeExplanation[] products =
            [.. model.Explain().Nodes.Where(n => n is { OpType: "ConvInteger" or "MatMulInteger", Implementation: not "view" })];
        Assert.Equal(products.Length, products.DistinctBy(n => n.Name).Count());
    }

    [Fact]
    public void Dynamic_ranges_follow_the_input()
    {
        ModelGraph dynamic = DynamicQuantizer.Convert(GraphBuilder.Classifier()).Graph;
        IDataset large = new ScaledDataset(Samples, 1000);
        double noise = Model.NoisePower(Model.Run(GraphBuilder.Classifier(), large, 1), Model.Run(dynamic, large, 1));
        Assert.True(noise < 0.003, $"noise {noise:g3}");
    }

    [Fact]
    public void Weights_of_8_bits_shrink_the_file_and_keep_the_result()
    {
        ModelGraph f32 = GraphBuilder.Classifier();
        QuantizationResult stored = WeightOnlyQuantizer.Convert(f32);
        byte[] file = Bytes(stored.Graph);
        Assert.True(file.Length < 0.45 * Bytes(f32).Length, $"{file.Length} of {Bytes(f32).Length}");
        double noise = Model.NoisePower(Model.Run(f32, Samples, 1), Model.Run(OnnxModel.Load(file), Samples, 1));
        Assert.True(noise is > 0 and < 1e-3, $"noise {noise:g3}");
        Assert.DoesNotContain(stored.Graph.Nodes, n => n.OpType == "QuantizeLinear");
    }

    [Fact]
    public void Convolutions_have_8_bits_where_products_have_4()
    {
        ModelGraph f32 = GraphBuilder.Classifier();
        QuantizationResult stored = WeightOnlyQuantizer.Convert(f32, new WeightOnlyOptions { Bits = 4, GroupSize = 16 });
        DataType[] types = [.. stored.Graph.Nodes.Where(n => n.Is("DequantizeLinear")).Select(n => n.ConstantInput(0)!.ElementType)];
        Assert.Equal(1, types.Count(t => t == DataType.UInt4));
        Assert.Equal(f32.Nodes.Count(n => n.Is("Conv")), types.Count(t => t == DataType.Int8));
        // Bytes of integers, scales and zero points, as the graph holds them.
        Assert.Equal(stored.Graph.Nodes.Where(n => n.Is("DequantizeLinear")).Sum(n => n.Inputs.Sum(i => StoredBytes(i!.Constant!))),
            stored.Report.StoredWeights.Sum(w => w.Bytes));
        Assert.Equal([0, 16], stored.Report.StoredWeights.Select(w => w.GroupSize).Distinct().Order());
        Assert.Equal(0, stored.Report.QuantizedNodes);
        Assert.Contains(stored.Report.Notes, n => n.StartsWith("the weights of 5 convolutions have 8 bits", StringComparison.Ordinal));
        double noise = Model.NoisePower(Model.Run(f32, Samples, 1), Model.Run(OnnxModel.Load(Bytes(stored.Graph)), Samples, 1));
        Assert.True(noise is > 0 and < 0.01, $"noise {noise:g3}");
    }

    private static long StoredBytes(TensorData tensor) => tensor.ElementType == DataType.UInt4
        ? (tensor.ElementCount + 1) / 2 : tensor.ElementCount * tensor.ElementType.SizeInBytes();

    [Theory]
    [InlineData(16, false)]
    [InlineData(64, false)]
    [InlineData(24, false)] // no power of two
    [InlineData(15, true)] // groups that end within a byte
    [InlineData(32, true)]
    public void Weights_of_4_bits_are_stored_in_groups_and_run(int group, bool symmetric)
    {
        (ModelGraph f32, IDataset samples) = Perceptron();
        QuantizationResult stored =
            WeightOnlyQuantizer.Convert(f32, new WeightOnlyOptions { Bits = 4, GroupSize = group, IsSymmetric = symmetric });
        GraphNode[] weights = [.. stored.Graph.Nodes.Where(n => n.OpType == "DequantizeLinear")];
        Assert.Equal(2, weights.Length);
        foreach (TensorData integers in weights.SelectMany(w => (TensorData[])[w.ConstantInput(0)!, w.ConstantInput(2)!]))
        {
            Assert.Equal(DataType.UInt4, integers.ElementType);
            Assert.Same(integers, integers.Packed());
        }

        byte[] file = Bytes(stored.Graph);
        Assert.True(file.Length < (group < 16 ? 0.27 : 0.25) * Bytes(f32).Length, $"{file.Length} of {Bytes(f32).Length}");
        float[] expected = Model.Run(f32, samples, 1), direct = Model.Run(stored.Graph, samples, 1),
        loaded = Model.Run(OnnxModel.Load(file), samples, 1);
        Assert.Equal(direct, loaded);
        double noise = Model.NoisePower(expected, loaded);
        Assert.True(noise is > 0 and < 0.03, $"noise {noise:g3}");
    }

    [Theory]
    [InlineData(8, 16, "brgemm:s8")]
    [InlineData(4, 16, "brgemm:u4")]
    [InlineData(4, 24, "brgemm:u4")]
    [InlineData(4, 7, "brgemm:u4")]
    [InlineData(4, 64, "brgemm:u4")] // the last group of 96 inputs is shorter
    public void Integer_weights_of_products_stay_integers_in_memory(int bits, int group, string layout)
    {
        (ModelGraph f32, IDataset samples) = Perceptron(inputs: 96);
        ModelGraph stored = WeightOnlyQuantizer.Convert(f32, new WeightOnlyOptions { Bits = bits, GroupSize = group }).Graph;
        float[] expected = RunReal(stored, samples);
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { MaxIsa = isa, Emulate = true });
            using CompiledModel model = engine.Compile(stored);
            NodeExplanation[] products =
                [.. model.Explain().Nodes.Where(n => n.WeightsLayout.StartsWith("brgemm", StringComparison.Ordinal))];
            Assert.Equal(2, products.Length);
            Assert.All(products, p => Assert.Contains(layout, p.WeightsLayout, StringComparison.Ordinal));
            using InferenceRequest request = model.CreateRequest(1);
            samples.Load(1, request.Input().AsSpan<float>());
            request.Run();
            Assert.True(Model.NoisePower(expected, request.Output().AsSpan<float>().ToArray()) < 1e-9, tier);
        }
    }

    [Theory]
    [InlineData(DataType.UInt4, "brgemm:u4")]
    [InlineData(DataType.Int4, "brgemm:s4")]
    public void Weights_of_4_bits_with_a_scale_for_each_column_stay_integers_in_memory(DataType type, string layout)
    {
        var graph = new ModelGraph("columns");
        GraphValue x = graph.AddInput("x", DataType.Float32, GraphShape.Of([3, 40]));
        var random = new Random(4);
        int lowest = type == DataType.Int4 ? -8 : 0;
        int[] codes = [.. Enumerable.Range(0, 40 * 24).Select(_ => random.Next(lowest, lowest + 16))];
        GraphValue weights = graph.AddOperation("DequantizeLinear", "w",
            [
                graph.AddConstant("q", new TensorData(type, [40, 24], Array.ConvertAll(codes, c => unchecked((byte)c)))),
                graph.AddConstant("s", TensorData.Vector<float>([.. Enumerable.Range(1, 24).Select(i => i / 16f)])),
            ],
            new GraphAttributes { { "axis", 1L } });
        GraphValue y = graph.AddOperation("MatMul", "y", [x, weights]);
        y.ElementType = DataType.Float32;
        graph.AddOutput(y);
        ModelGraph loaded = OnnxModel.Load(Bytes(graph));
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(loaded);
        Assert.Contains(model.Explain().Nodes, n => n.WeightsLayout.StartsWith(layout, StringComparison.Ordinal));
        using InferenceRequest request = model.CreateRequest();
        float[] input = [.. Enumerable.Range(0, 120).Select(i => (i % 7) - 3f)];
        input.CopyTo(request.Input().AsSpan<float>());
        request.Run();
        float[] expected = [.. Enumerable.Range(0, 3 * 24).Select(i => Enumerable.Range(0, 40).Sum(k =>
            input[(i / 24 * 40) + k] * codes[(k * 24) + (i % 24)] * (((i % 24) + 1) / 16f)))];
        Assert.Equal(expected, request.Output().AsSpan<float>().ToArray());
    }

    /// <summary>With residuals, operands for channels and parts of a wider tensor, which a view as rows of channels has to follow.</summary>
    [Fact]
    public void Weights_of_convolutions_stay_integers_where_they_are_most_of_the_memory()
    {
        var build = new GraphBuilder(channels: 40, size: 3);
        GraphValue a = build.Op("Relu", "ar", build.Conv("a", build.Input, 40, 72, kernel: 1));
        GraphValue residual = build.Op("Relu", "br", build.Op("Add", "sum", build.Conv("b", a, 72, 72, kernel: 1), a));
        GraphValue scaled = build.Op(
            "Mul", "scaled", build.Conv("c", residual, 72, 88, kernel: 1, bias: false), build.Constant("factors", 1, 1, 88, 1, 1));
        GraphValue window = build.Conv("window", scaled, 88, 24), strided = build.Conv("strided", scaled, 88, 16, kernel: 1, stride: 2);
        GraphValue wide = build.Concat(
            "wide", build.Conv("d", scaled, 88, 56, kernel: 1), build.Conv("e", scaled, 88, 80, kernel: 1), window,
            build.Op("Relu", "few", build.Conv("narrow", scaled, 88, 3, kernel: 1)));
        ModelGraph f32 = build.Finish(
            build.Op("Add", "shifted", build.Conv("out", wide, 163, 16, kernel: 1), build.Op("GlobalAveragePool", "mean", strided)));
        var samples = new SyntheticDataset([40, 3, 3], 4, seed: 5);
        ModelGraph stored = WeightOnlyQuantizer.Convert(f32).Graph;
        float[] expected = RunReal(stored, samples);
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { MaxIsa = isa, Emulate = true });
            using CompiledModel model = engine.Compile(stored);
            Assert.Equal(["a", "b", "c", "d", "e", "out", "strided", "window"], model.Explain().Nodes
                .Where(n => n.WeightsLayout.StartsWith("brgemm:s8", StringComparison.Ordinal)).Select(n => n.Name).Order());
            using InferenceRequest request = model.CreateRequest(1);
            samples.Load(1, request.Input().AsSpan<float>());
            request.Run();
            Assert.True(Model.NoisePower(expected, request.Output().AsSpan<float>().ToArray()) < 1e-9, tier);
        }
    }

    [Fact]
    public void Few_bits_want_groups_and_zero_points()
    {
        (ModelGraph f32, IDataset samples) = Perceptron(shift: 0.5f);
        double Noise(int group, bool symmetric) => Model.NoisePower(Model.Run(f32, samples, 1), Model.Run(
            WeightOnlyQuantizer.Convert(f32,
                new WeightOnlyOptions { Bits = 4, GroupSize = group, IsSymmetric = symmetric }).Graph, samples, 1));
        Assert.False(new WeightOnlyOptions().IsSymmetric);
        Assert.True(Noise(32, false) < Noise(32, true), "zero points help weights that are not centred");
        Assert.True(Noise(16, false) < Noise(128, false), "small groups help");
    }

    [Fact]
    public void Grouped_weights_are_half_a_step_off_at_most() => Properties.Check(
        Gen.Choose(1, 70).Zip(Gen.Choose(1, 5)).Zip(Gen.Choose(2, 8)).Zip(Gen.Choose(1, 40)).Zip(Gen.Choose(0, int.MaxValue)), problem =>
        {
            ((((int inputs, int outputs), int bits), int group), int seed) = problem;
            var random = new Random(seed);
            float[] weights = [.. Enumerable.Range(0, inputs * outputs).Select(_ => (random.NextSingle() - 0.3f) * 4)];
            GroupedWeights grouped = GroupedWeights.Quantize(weights, inputs, outputs, bits, group, symmetric: seed % 2 == 0);
            float[] restored = grouped.Dequantize();
            for (int k = 0; k < inputs; k++)
            {
                for (int n = 0; n < outputs; n++)
                {
                    float scale = grouped.Scales[(n * grouped.Groups) + (k / group)];
                    // The rounding of the zero point may cost another half step at an end.
                    Assert.InRange(Math.Abs(restored[(k * outputs) + n] - weights[(k * outputs) + n]), 0, 1.001f * scale);
                }
            }

            Assert.All(grouped.Values, v => Assert.InRange(v, 0, (1 << bits) - 1));
        }, count: 100);

    [Fact]
    public void Groups_that_take_more_than_memory_counts_are_refused() => Assert.Contains("use a smaller group size",
        Assert.Throws<QuantizationException>(() =>
            GroupedWeights.Quantize(new float[64], inputs: 16, outputs: 4, bits: 4, groupSize: 1 << 30, symmetric: true)).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Forms_that_do_not_exist_are_refused()
    {
        (ModelGraph f32, _) = Perceptron();
        Assert.Contains("8 or 4",
            Assert.Throws<QuantizationException>(() =>
                WeightOnlyQuantizer.Convert(f32, new WeightOnlyOptions { Bits = 3 })).Message, StringComparison.Ordinal);
        Assert.Contains("use at least 1",
            Assert.Throws<QuantizationException>(() =>
                WeightOnlyQuantizer.Convert(f32, new WeightOnlyOptions { Bits = 4, GroupSize = 0 })).Message,
                    StringComparison.Ordinal);
        var build = new GraphBuilder();
        ModelGraph without = build.Finish(build.Op("Relu", "r", build.Input));
        Assert.Contains("no convolution",
            Assert.Throws<QuantizationException>(() =>
                WeightOnlyQuantizer.Convert(without, new WeightOnlyOptions { Bits = 4 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_layer_that_breaks_accuracy_is_found_and_stays_f32()
    {
        ModelGraph f32 = GraphBuilder.Classifier();
        using CpuEngine engine = CpuEngine.Create();
        // 'project' reads activations of which one channel is huge: int8 keeps nothing of the others.
        Break(f32, "project");
        float[][] exact = [.. Enumerable.Range(0, 16).Select(i => Model.Run(f32, Samples, i))];
        double Agreement(ModelGraph graph) =>
            1 - Enumerable.Range(0, 16).Average(i => Model.NoisePower(exact[i], Model.Run(graph, Samples, i)));
        var options = new AccuracyAwareOptions { MaxDrop = 0.01 };
        AccuracyAwareResult result = new AccuracyAwareQuantizer(engine).Run(
            f32, Samples, Agreement, new QuantizationOptions { AlignChannels = false }, options);
        Assert.True(result.Steps[0].Accuracy < 0.99, $"all in int8: {result.Steps[0].Accuracy}");
        Assert.True(result.IsWithinBound, $"{result.Accuracy}");
        Assert.Contains("project", result.Reverted);
        Assert.True(result.Reverted.Count <= 2, string.Join(", ", result.Reverted));
        Assert.False(result.Model.Report.Nodes.Single(n => n.Name == "project").IsQuantized);
        Assert.True(result.Model.Report.QuantizedNodes > 3);
    }

    [Fact]
    public void Errors_of_layers_are_those_of_all_outputs()
    {
        ModelGraph f32 = GraphBuilder.Classifier();
        f32.AddOutput(f32.Nodes.First(n => n.Is("Conv")).Output);
        using CpuEngine engine = CpuEngine.Create();
        IReadOnlyList<LayerError> errors = LayerSensitivity.Measure(
            engine, new PostTrainingQuantizer(engine), f32, Samples, new QuantizationOptions { AlignChannels = false }, sampleCount: 4);
        Assert.NotEmpty(errors);
        Assert.All(errors, e => Assert.True(e.Error is > 0 and < 0.1, $"{e.Name}: {e.Error}"));
    }

    [Fact]
    public void The_best_model_is_kept_when_the_bound_is_out_of_reach()
    {
        ModelGraph f32 = GraphBuilder.Classifier();
        using CpuEngine engine = CpuEngine.Create();
        int evaluations = 0;
        double[] metric = [1, 0.2, 0.4, 0.7, 0.3, 0.1, 0.1, 0.1];
        AccuracyAwareResult result = new AccuracyAwareQuantizer(engine).Run(
            f32, Samples, _ => metric[evaluations++], null, new AccuracyAwareOptions { MaxDrop = 0.01, MaxEvaluations = 5 });
        Assert.False(result.IsWithinBound);
        Assert.Equal(0.7, result.Accuracy);
        Assert.Equal(5, result.Steps.Count);
        Assert.Equal(result.Steps[2].Reverted, result.Reverted);
    }

    // Multiplies one input channel of a 1×1 convolution by a large number, and its weights by the inverse.
    private static void Break(ModelGraph graph, string name)
    {
        GraphNode node = graph.Nodes.Single(n => n.Name == name), depthwise = graph.Nodes.Single(n => n.Name == "dw");
        // The clip between them bounds activations by 6: a factor of 1/500 on all but one channel makes these invisible to 8 bits.
        Scale(graph, depthwise, 1, i => i / 9 == 0 ? 1 : 1 / 500f);
        Scale(graph, depthwise, 2, i => i == 0 ? 1 : 1 / 500f);
        Scale(graph, node, 1, i => i % 16 == 0 ? 4 : 2000f);
    }

    private static void Scale(ModelGraph graph, GraphNode node, int input, Func<int, float> factor)
    {
        TensorData content = node.ConstantInput(input)!;
        TensorData scaled = TensorData.Allocate(DataType.Float32, content.Shape, out Span<float> values);
        for (int i = 0; i < values.Length; i++)
            values[i] = content.AsSpan<float>()[i] * factor(i);
        node.SetInput(input, graph.AddConstant(node.Name + "_scaled", scaled));
    }

    // By the reference, with weights as real numbers.
    private static float[] RunReal(ModelGraph graph, IDataset samples)
    {
        ModelGraph real = graph.Clone();
        foreach (GraphNode node in real.Nodes.Where(n => n.Is("DequantizeLinear")).ToArray())
        {
            QuantizationView view = QuantizationView.Of(NodeOperands.Of(node, [.. node.Inputs.Select(i => i?.Constant)]));
            TensorData integers = node.ConstantInput(0)!;
            float[] values = [.. integers.ToInt32Array().Select((q, i) =>
            {
                int index = view.IndicesOf(integers.Shape)[i];
                return (q - view.ZeroPoints[index]) * view.Scales[index];
            })];
            real.ReplaceUses(node.Output, real.AddConstant(node.Output.Name + "_real", TensorData.Create<float>(values, integers.Shape)));
        }

        real.RemoveDeadNodes();
        using var engine = new ReferenceEngine();
        using CompiledModel model = engine.Compile(real);
        using InferenceRequest request = model.CreateRequest(1);
        samples.Load(1, request.Input().AsSpan<float>());
        request.Run();
        return request.Output().AsSpan<float>().ToArray();
    }

    private static (ModelGraph Graph, IDataset Samples) Perceptron(float shift = 0, int inputs = 100)
    {
        var graph = new ModelGraph("perceptron");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(GraphDimension.Named("N"), 4, inputs));
        GraphValue Weights(string name, int seed, params int[] shape)
        {
            TensorData content = TensorData.Allocate(DataType.Float32, shape, out Span<float> values);
            NormalDistribution.Fill(new Random(seed), values, 0.1);
            foreach (ref float value in values)
                value += shift;
            return graph.AddConstant(name, content);
        }

        GraphValue hidden = graph.AddOperation("Relu", "r", [graph.AddOperation("MatMul", "m1", [x, Weights("w1", 1, inputs, 160)])]);
        GraphValue result = graph.AddOperation("MatMul", "m2", [hidden, Weights("w2", 2, 160, 50)]);
        result.ElementType = DataType.Float32;
        graph.AddOutput(result);
        return (graph, new SyntheticDataset([4, inputs], 4));
    }

    private static byte[] Bytes(ModelGraph graph)
    {
        using var stream = new MemoryStream();
        OnnxModel.Save(graph, stream);
        return stream.ToArray();
    }

    private sealed class ScaledDataset(IDataset inner, float factor) : IDataset
    {
        public string Name => inner.Name;

        public int Count => inner.Count;

        public Shape SampleShape => inner.SampleShape;

        public string SampleName(int index) => inner.SampleName(index);

        public int? Label(int index) => inner.Label(index);

        public void Load(int index, Span<float> destination)
        {
            inner.Load(index, destination);
            foreach (ref float value in destination)
                value *= factor;
        }
    }
}
