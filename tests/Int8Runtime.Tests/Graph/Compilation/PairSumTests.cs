// Weights of which no two that meet are beyond 128 run on pairs of bytes, exactly, where the CPU has no dot-product instructions.
using Int8Runtime.Graph;
using Int8Runtime.TestKit;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class PairSumTests
{
    [Fact]
    public void No_two_weights_within_64_leave_16_bits_and_65_can()
    {
        static bool Fits(int weight) => 255 * 2 * weight <= short.MaxValue && -255 * 2 * weight >= short.MinValue;
        Assert.True(Fits(64));
        Assert.False(Fits(65));
    }

    // Every source element is 255, every weight the largest, so that each pair comes as close to saturation as it can.
    [Theory]
    [InlineData("Conv", DataType.UInt8, 0, 64, true)]
    [InlineData("Conv", DataType.UInt8, 7, -64, true)]
    [InlineData("Conv", DataType.Int8, 0, 64, true)]
    [InlineData("Conv", DataType.Int8, -9, -64, true)]
    [InlineData("Gemm", DataType.UInt8, 0, -64, true)]
    [InlineData("Depthwise", DataType.UInt8, 9, 64, true)]
    [InlineData("Depthwise", DataType.Int8, -9, -64, true)]
    [InlineData("Conv", DataType.UInt8, 0, 65, false)]
    [InlineData("Depthwise", DataType.UInt8, 0, -65, false)]
    [InlineData("Gemm", DataType.Int8, 0, -65, false)]
    public void Weights_of_7_bits_are_multiplied_as_bytes_and_sums_stay_exact(string op, DataType source, int zeroPoint,
        int weight, bool asBytes)
    {
        ModelGraph graph = Product(op, source, zeroPoint, (sbyte)weight);
        using var reference = new ReferenceEngine();
        float[] expected = Run(reference, graph, out _);
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { MaxIsa = isa, Emulate = true, Threads = 1 });
            float[] actual = Run(engine, graph, out NodeExplanation node);
            Assert.Equal(expected, actual);
            bool hasVnni = (isa & (Isa.Avx512Vnni | Isa.Avx2Vnni)) != Isa.None;
            string product = op == "Depthwise" ? asBytes || hasVnni ? ":bytequads:" : ":wordpairs:"
                : asBytes || hasVnni ? source == DataType.UInt8 ? ":uint8:" : ":int8:" : ":int16:";
            Assert.True(node.WeightsLayout.Contains(product, StringComparison.Ordinal), $"{tier}: {node.WeightsLayout}");
        }
    }

    // Every pair is at the bound: 127 and 1, 64 and 64, or 127 and −128 of two signs. A single pair beyond it is split, or
    // words are used.
    [Theory]
    [InlineData("Conv", DataType.UInt8, 0)]
    [InlineData("Conv", DataType.Int8, -9)]
    [InlineData("Depthwise", DataType.UInt8, 9)]
    [InlineData("Gemm", DataType.Int8, 3)]
    public void Pairs_of_8_bit_weights_at_the_bound_are_multiplied_as_bytes(string op, DataType source, int zeroPoint)
    {
        const int Inputs = 36, Outputs = 20;
        int[] shape = op == "Depthwise" ? [Inputs, 1, 3, 3] : op == "Conv" ? [Outputs, Inputs, 3, 3] : [Outputs, Inputs];
        TensorData weights = TensorData.Allocate(DataType.Int8, shape, out Span<sbyte> values);
        var plain = new MemoryDescriptor(shape, DataType.Int8);
        WeightPairs pairs = op == "Gemm"
            ? WeightPairs.ForInnerProduct(plain) : WeightPairs.ForConvolution(plain, op == "Depthwise" ? Inputs : 1, 1);
        (sbyte, sbyte)[] extremes = [(127, 1), (64, 64), (-127, -1), (127, -128), (-64, -64), (1, 127), (-128, 127)];
        int turn = 0;
        foreach (int column in pairs.Columns())
            foreach ((int first, int second) in pairs.Pairs())
                (values[column + first], values[column + second]) = extremes[turn++ % extremes.Length];
        using var reference = new ReferenceEngine();
        ModelGraph graph = Product(op, source, zeroPoint, weights);
        float[] expected = Run(reference, graph, out _);
        (int one, int other) = pairs.Pairs()[^1];
        sbyte[] beyond = values.ToArray();
        (beyond[one], beyond[other]) = (65, 64);
        ModelGraph wide = Product(op, source, zeroPoint, TensorData.Create<sbyte>(beyond, shape));
        float[] expectedWide = Run(reference, wide, out _);
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { MaxIsa = isa, Emulate = true, Threads = 1 });
            Assert.Equal(expected, Run(engine, graph, out NodeExplanation node));
            Assert.DoesNotContain(op == "Depthwise" ? ":wordpairs:" : ":int16:", node.WeightsLayout, StringComparison.Ordinal);
            Assert.Equal(expectedWide, Run(engine, wide, out node));
            bool hasVnni = (isa & (Isa.Avx512Vnni | Isa.Avx2Vnni)) != Isa.None;
            Assert.True(node.WeightsLayout.Contains(":wordpairs:", StringComparison.Ordinal) == (op == "Depthwise" && !hasVnni),
                $"{tier}: {node.WeightsLayout}");
            Assert.DoesNotContain(":int16:", node.WeightsLayout, StringComparison.Ordinal);
        }
    }

    // Small weights but for a few: sums of four that leave 16 bits are rare, and are split.
    [Theory]
    [InlineData(DataType.UInt8, 0)]
    [InlineData(DataType.Int8, -9)]
    public void Where_few_sums_of_four_leave_16_bits_they_are_formed_there(DataType source, int zeroPoint)
    {
        const int Inputs = 64, Outputs = 35;
        TensorData weights = TensorData.Allocate(DataType.Int8, [Outputs, Inputs, 3, 3], out Span<sbyte> values);
        for (int i = 0; i < values.Length; i++)
            values[i] = (sbyte)(i % 4099 is 0 or 64 or 65 ? (i % 2 == 0 ? 127 : -128) : (i * 7 % 61) - 30);
        ModelGraph graph = Product("Conv", source, zeroPoint, weights);
        using var reference = new ReferenceEngine();
        float[] expected = Run(reference, graph, out _);
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { MaxIsa = isa, Emulate = true, Threads = 1 });
            Assert.Equal(expected, Run(engine, graph, out NodeExplanation node));
            bool hasVnni = (isa & (Isa.Avx512Vnni | Isa.Avx2Vnni)) != Isa.None;
            Assert.True(hasVnni != node.WeightsLayout.Contains("8quads:", StringComparison.Ordinal), $"{tier}: {node.WeightsLayout}");
        }
    }

    [Fact]
    public void Weights_with_a_zero_point_are_widened_however_small_they_are()
    {
        ModelGraph graph = Product("Conv", DataType.UInt8, 0, 5, weightsZeroPoint: 3);
        using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { MaxIsa = IsaTiers.Avx2, Threads = 1 });
        using var reference = new ReferenceEngine();
        Assert.Equal(Run(reference, graph, out _), Run(engine, graph, out NodeExplanation node));
        Assert.Contains(":int16:", node.WeightsLayout, StringComparison.Ordinal);
    }

    private static ModelGraph Product(string op, DataType source, int zeroPoint, sbyte weight, int weightsZeroPoint = 0)
    {
        const int Inputs = 35, Outputs = 19;
        int[] shape = op == "Depthwise" ? [Inputs, 1, 3, 3] : op == "Conv" ? [Outputs, Inputs, 3, 3] : [Outputs, Inputs];
        TensorData integers = TensorData.Allocate(DataType.Int8, shape, out Span<sbyte> values);
        values.Fill(weight);
        return Product(op, source, zeroPoint, integers, weightsZeroPoint);
    }

    private static ModelGraph Product(string op, DataType source, int zeroPoint, TensorData integers, int weightsZeroPoint = 0)
    {
        var sketch = new ModelSketch();
        bool isConvolution = op != "Gemm", isDepthwise = op == "Depthwise";
        int inputs = integers.Shape[isDepthwise ? 0 : 1];
        GraphValue x = sketch.Edge(isConvolution ? sketch.Input(1, inputs, 3, 3) : sketch.Input(2, inputs), 1f / 256, zeroPoint, source);
        GraphValue weights = sketch.Op(
            "DequantizeLinear", sketch.Constant(integers), sketch.Constant(TensorData.Scalar(0.01f)),
            sketch.Constant(TensorData.Scalar((sbyte)weightsZeroPoint)));
        GraphAttributes attributes = isConvolution
            ? new() { { "group", isDepthwise ? inputs : 1 }, { "pads", new[] { 1, 1, 1, 1 } } } : new() { { "transB", 1 } };
        return sketch.Output(sketch.Op(isConvolution ? "Conv" : op, attributes, x, weights));
    }

    private static float[] Run(Engine engine, ModelGraph graph, out NodeExplanation node)
    {
        using CompiledModel model = engine.Compile(graph);
        node = model.Explain().Nodes.Single(n => n.OpType is "Conv" or "Gemm");
        using InferenceRequest request = model.CreateRequest();
        request.Input(model.Inputs[0].Name).AsSpan<float>().Fill(100);   // saturates
        request.Run();
        return Runner.Outputs(request);
    }
}
