// FakeQuantize: the definition at both borders, its integer form, its float form, and files.
using FsCheck.Fluent;
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.Graph.Passes;
using Int8Runtime.Onnx;
using Int8Runtime.TestKit;

namespace Int8Runtime.OpenVino.Tests;

public sealed class FakeQuantizeTests
{
    // The definition of OpenVINO's operation set 1, in double precision.
    private static double Definition(double x, double inLow, double inHigh, double outLow, double outHigh, int levels)
    {
        if (x <= Math.Min(inLow, inHigh))
            return outLow;
        if (x > Math.Max(inLow, inHigh))
            return outHigh;
        return (Math.Round((x - inLow) / (inHigh - inLow) * (levels - 1),
            MidpointRounding.ToEven) / (levels - 1) * (outHigh - outLow)) + outLow;
    }

    [Theory]
    [InlineData(2)]
    [InlineData(16)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(1000)]
    public void D01_the_definition_holds_inside_and_at_both_borders(int levels) => Properties.Check(
        Gen.Choose(1, 1_000_000).ArrayOf(4), parts =>
        {
            float low = (parts[0] - 500_000) / 1e5f, high = low + (parts[1] / 1e5f), outLow = (parts[2] - 500_000) / 1e5f,
                outHigh = outLow + ((parts[3] - 500_000) / 1e5f);
            float[] xs =
            [
                low, high, MathF.BitIncrement(low), MathF.BitDecrement(low), MathF.BitIncrement(high), MathF.BitDecrement(high),
                0, -1e30f, 1e30f,
                float.NegativeInfinity, float.PositiveInfinity, .. Enumerable.Range(0, 40).Select(i => low + ((high - low) * i / 39f)),
            ];
            ModelGraph graph = Single(xs.Length, levels, low, high, outLow, outHigh);
            float[] actual = Evaluate(graph, xs);
            double step = Math.Abs((double)outHigh - outLow) / (levels - 1), magnitude = Math.Max(Math.Abs(outLow), Math.Abs(outHigh));
            for (int i = 0; i < xs.Length; i++)
            {
                if (xs[i] <= low)
                    Assert.Equal(outLow, actual[i]);
                else if (xs[i] >= high)
                    Assert.Equal(outHigh, actual[i]);
                double expected = Definition(xs[i], low, high, outLow, outHigh, levels);
                double position = (Math.Clamp(xs[i], low, high) - (double)low) / ((double)high - low) * (levels - 1);
                bool isTie = Math.Abs(position - Math.Floor(position) - 0.5) < 1e-3 * levels / 256;
                Assert.True(Math.Abs(expected - actual[i]) <= (isTie ? step : 0) + (magnitude * 1e-5),
                    $"{xs[i]} in [{low}, {high}]: {actual[i]} instead of {expected}");
            }
        });

    [Fact]
    public void D01_a_descending_range_follows_the_definition()
    {
        ModelGraph graph = Single(5, 11, 10, 0, -1, 1);
        float[] xs = [-3, 0, 2, 10, 11];
        Assert.Equal([.. xs.Select(x => (float)Definition(x, 10, 0, -1, 1, 11))], Evaluate(graph, xs));
    }

    [Theory]
    [InlineData(1000, 1)]
    [InlineData(1000, 5)]
    [InlineData(2, 1)]
    [InlineData(256, 5)]
    public void D01_kernels_give_the_bits_of_the_portable_evaluator(int levels, int channels)
    {
        const int Width = 37;
        float[] x = Running.Random(channels * Width, 5, 3);
        (x[0], x[1], x[2], x[3]) = (float.NaN, float.PositiveInfinity, float.NegativeInfinity, -1.5f);
        float[] low = [.. Enumerable.Range(0, channels).Select(c => -1.5f - (0.1f * c))], high = [.. low.Select(l => l + 3.7f)];
        var graph = new ModelGraph("fq");
        GraphValue input = graph.AddInput("x", DataType.Float32, new GraphShape(1, channels, Width));
        Shape shape = channels == 1 ? [] : [1, channels, 1];
        GraphValue Range(string name, IEnumerable<float> values) => graph.AddConstant(name, TensorData.Create<float>([.. values], shape));
        graph.AddOutput(FakeQuantize(graph, "y", input, levels, Range("il", low), Range("ih", high),
            Range("ol", low.Select(l => l / 2)), Range("oh", high.Select(h => h * 2))));
        float[] expected = Evaluate(graph, x);
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        Assert.Equal(expected, Running.Run(model, x)[0]);
        NodeExplanation node = Assert.Single(model.Explain().Nodes);
        Assert.False(node.IsSlow, node.Implementation);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void D02_symmetric_and_asymmetric_ranges_for_tensors_and_channels_lower_to_int8(bool symmetric, bool perChannel)
    {
        ModelGraph graph = TwoConvolutions(symmetric, perChannel);
        using CpuEngine engine = CpuEngine.Create();
        float[] x = Running.Random(8 * 36, 2, 1.2f);
        using CompiledModel model = engine.Compile(graph);
        Assert.All(model.Explain().Nodes.Where(n => n.OpType == "Conv"),
            n => Assert.True(n.IsInt8, $"{n.Name}: {string.Join("; ", n.Notes)}"));
        using CompiledModel simulated = engine.Compile(graph,
            new CompileOptions { DisabledPasses = [.. CompiledModel.PassNames.Where(p => p != "fake-quantize-conversion")] });
        Running.AssertClose(Running.Run(simulated, x)[0], Running.Run(model, x)[0], 0.02);
    }

    [Theory]
    [InlineData(1024, 1f, "levels")]
    [InlineData(256, 2f, "output range")]
    public void D02_other_forms_run_as_float_operators(int levels, float outputFactor, string reason)
    {
        var graph = new ModelGraph("float");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(1, 4, 5, 5));
        GraphValue y = FakeQuantize(graph, "y", x, levels, Number(graph, -1), Number(graph, 1), Number(graph, -1 * outputFactor),
            Number(graph, outputFactor));
        graph.AddOutput(y);
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        NodeExplanation node = Assert.Single(model.Explain().Nodes);
        Assert.False(node.IsInt8);
        Assert.Contains(node.Notes, n => n.Contains(reason));
        float[] values = Running.Random(100, 3, 1.5f);
        Assert.Equal(Evaluate(graph, values), Running.Run(model, values)[0]);
    }

    [Fact]
    public void D02_a_range_without_a_level_at_zero_stays_real()
    {
        var graph = new ModelGraph("between");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(1, 4));
        graph.AddOutput(FakeQuantize(graph, "y", x, 256, Number(graph, -0.3f), Number(graph, 0.5f), Number(graph, -0.3f),
            Number(graph, 0.5f)));
        ModelGraph converted = graph.Clone();
        FakeQuantizeConversion.Apply(converted);
        Assert.Contains(converted.Nodes, FakeQuantizeConversion.IsFakeQuantize);
    }

    [Fact]
    public void D02_fewer_levels_saturate_at_their_own_ends()
    {
        var graph = new ModelGraph("narrow");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(1, 9));
        graph.AddOutput(FakeQuantize(graph, "y", x, 255, Number(graph, -1.27f), Number(graph, 1.27f), Number(graph, -1.27f),
            Number(graph, 1.27f)));
        ModelGraph converted = graph.Clone();
        FakeQuantizeConversion.Apply(converted);
        Assert.DoesNotContain(converted.Nodes, FakeQuantizeConversion.IsFakeQuantize);
        float[] values = [-5, -1.28f, -1.27f, -0.5f, 0, 0.5f, 1.27f, 1.28f, 5];
        using var engine = new ReferenceEngine();
        Running.AssertClose(Evaluate(graph, values), Running.Run(engine, converted, values)[0], 1e-6);
    }

    [Fact]
    public void D03_quantizers_before_products_leave_the_plan()
    {
        ModelGraph graph = TwoConvolutions(symmetric: false, perChannel: false);
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        ModelExplanation plan = model.Explain();
        Assert.DoesNotContain(plan.Nodes, n => n.OpType is "FakeQuantize" or "DequantizeLinear" && n.Implementation != "view");
        Assert.Contains(plan.Nodes, n => n.OpType == "Conv" && n.Precision.StartsWith("u8·s8→u8", StringComparison.Ordinal));
    }

    [Fact]
    public void D04_simulated_and_explicit_quantizers_give_the_same_model()
    {
        ModelGraph simulated = TwoConvolutions(symmetric: false, perChannel: false);
        ModelGraph explicitly = simulated.Clone();
        FakeQuantizeConversion.Apply(explicitly);
        Assert.DoesNotContain(explicitly.Nodes, FakeQuantizeConversion.IsFakeQuantize);
        using var stream = new MemoryStream();
        OnnxModel.Save(explicitly, stream);
        using var folder = new TemporaryFolder();
        using CpuEngine engine = CpuEngine.Create();
        float[] x = Running.Random(8 * 36, 4);
        float[] expected = Running.Run(engine, simulated, x)[0];
        Assert.Equal(expected, Running.Run(engine, OnnxModel.Load(stream.ToArray()), x)[0]);
        Assert.Equal(expected, Running.Run(engine, folder.RoundTrip(simulated), x)[0]);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void D05_a_quantized_model_survives_writing_and_reading(bool symmetric, bool perChannel)
    {
        ModelGraph graph = TwoConvolutions(symmetric, perChannel);
        using var folder = new TemporaryFolder();
        ModelGraph once = folder.RoundTrip(graph), twice = folder.RoundTrip(once, "again.xml");
        using CpuEngine engine = CpuEngine.Create();
        float[] x = Running.Random(8 * 36, 6);
        Assert.Equal(Running.Run(engine, graph, x)[0], Running.Run(engine, once, x)[0]);
        Assert.Equal(Running.Run(engine, graph, x)[0], Running.Run(engine, twice, x)[0]);
        Assert.Equal(File.ReadAllBytes(folder["model.bin"]), File.ReadAllBytes(folder["again.bin"]));
    }

    // With the lower border at 0, f32 has no upper one for 4 scales of 1000; a scale that is itself f32(border / 255) has one.
    [Fact]
    public void D05_scales_survive_as_borders() => Properties.Check(
        from bits in Gen.Choose(1, int.MaxValue / 2) from zero in Gen.Choose(0, 255) select (bits, zero), pair =>
        {
            float scale = BitConverter.Int32BitsToSingle(0x3000_0000 + (pair.bits % 0x1000_0000)), quotient = scale * 255 / 255;
            Assert.Equal(quotient, ScaleOf(quotient, 0));
            if (pair.zero is 0 or 255)
                Assert.Equal(scale, ScaleOf(scale, pair.zero), scale * 1.2e-7f);
            else
                Assert.Equal(scale, ScaleOf(scale, pair.zero));
        });

    private static float ScaleOf(float scale, int zero)
    {
        (float low, float high) = Export.QuantizedValues.BordersOf(scale, -zero, 255 - zero);
        return (float)(((double)high - low) / 255);
    }

    // FakeQuantize → Conv → Clip → FakeQuantize → depthwise Conv, weights behind FakeQuantize.
    private static ModelGraph TwoConvolutions(bool symmetric, bool perChannel)
    {
        var graph = new ModelGraph("fq");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(1, 8, 6, 6));
        float low = symmetric ? -1.28f : -0.5f, high = symmetric ? 1.27f : 2.05f;
        GraphValue value = FakeQuantize(graph, "x_fq", x, 256, Number(graph, low), Number(graph, high), Number(graph, low),
            Number(graph, high));
        value = graph.AddOperation("Conv", "conv", [value, Weights(graph, "w1", 8, 8)],
            new GraphAttributes { { "pads", (long[])[1, 1, 1, 1] } });
        value = graph.AddOperation("Clip", "clip", [value, Number(graph, symmetric ? -9 : 0), Number(graph, 9)]);
        float[] steps = [.. Enumerable.Range(0, perChannel ? 8 : 1).Select(c => 0.01f * (1 + (c % 3)))];
        Shape shape = perChannel ? [1, 8, 1, 1] : [];
        GraphValue below = graph.AddConstant("below", TensorData.Create<float>([.. steps.Select(s => symmetric ? -128 * s : 0)], shape));
        GraphValue above = graph.AddConstant("above",
            TensorData.Create<float>([.. steps.Select(s => symmetric ? 127 * s : 255 * s)], shape));
        value = FakeQuantize(graph, "mid_fq", value, 256, below, above, below, above);
        value = graph.AddOperation("Conv", "depthwise", [value, Weights(graph, "w2", 8, 1)],
            new GraphAttributes { { "group", 8 }, { "pads", (long[])[1, 1, 1, 1] } });
        graph.AddOutput(value);
        return graph;
    }

    private static GraphValue Weights(ModelGraph graph, string name, int outputs, int inputs)
    {
        float[] values = Running.Random(outputs * inputs * 9, outputs + inputs, 0.3f);
        values.AsSpan(0, inputs * 9).Clear();   // a filter of zeros
        GraphValue weights = graph.AddConstant(name, TensorData.Create<float>(values, [outputs, inputs, 3, 3]));
        float[] ends = [.. Enumerable.Range(0, outputs).Select(o => values.AsSpan(o * inputs * 9, inputs * 9).ToArray().Max(MathF.Abs))];
        GraphValue low = graph.AddConstant(name + "_low", TensorData.Create<float>([.. ends.Select(e => -e)], [outputs, 1, 1, 1]));
        GraphValue high = graph.AddConstant(name + "_high", TensorData.Create<float>(ends, [outputs, 1, 1, 1]));
        return FakeQuantize(graph, name + "_fq", weights, 255, low, high, low, high);
    }

    private static GraphValue FakeQuantize(ModelGraph graph, string name, GraphValue x, int levels, GraphValue il, GraphValue ih,
        GraphValue ol, GraphValue oh)
    {
        GraphValue y = graph.AddValue(name);
        graph.AddNode("FakeQuantize", [x, il, ih, ol, oh], [y], new GraphAttributes { { "levels", levels } },
            domain: OperatorDomains.OpenVino);
        return y;
    }

    private static GraphValue Number(ModelGraph graph, float value) => graph.AddConstant("number", TensorData.Scalar(value));

    private static ModelGraph Single(int count, int levels, float low, float high, float outLow, float outHigh)
    {
        var graph = new ModelGraph("fq");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(count));
        graph.AddOutput(FakeQuantize(graph, "y", x, levels, Number(graph, low), Number(graph, high), Number(graph, outLow),
            Number(graph, outHigh)));
        return graph;
    }

    private static float[] Evaluate(ModelGraph graph, float[] x)
    {
        GraphNode node = Assert.Single(graph.Nodes);
        TensorData source = TensorData.Create<float>(x, graph.Inputs[0].Shape!.ToExtents());
        return HostEvaluator.Evaluate(node, [source, .. node.Inputs.Skip(1).Select(i => i!.Constant)])[0].ToSingleArray();
    }
}
