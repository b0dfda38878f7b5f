// Requirements on compiled models: the linear approximation (A01), bytes of int8 weights (A03), the kernel of the usual quantization
// (A09), models of quantization-aware training (M07), folding of batch normalization (H16, J04).
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class RequirementTests
{
    [Fact]
    public void A01_the_integer_product_is_that_of_the_dequantized_operands()
    {
        const int Rows = 5, Inner = 37, Columns = 11, ZeroPoint = 119;
        const float SourceScale = 1f / 64, WeightsScale = 1f / 256;   // powers of two: nothing is lost when the sum is scaled
        var random = new Random(11);
        sbyte[] weights = [.. Enumerable.Range(0, Inner * Columns).Select(_ => (sbyte)random.Next(-128, 128))];
        byte[] source = [.. Enumerable.Range(0, Rows * Inner).Select(_ => (byte)random.Next(256))];
        var sketch = new ModelSketch();
        GraphValue x = sketch.Edge(sketch.Input(Rows, Inner), SourceScale, ZeroPoint);
        GraphValue w = sketch.Op("DequantizeLinear", sketch.Constant(TensorData.Create<sbyte>(weights, [Inner, Columns])),
            sketch.Constant(TensorData.Scalar(WeightsScale)));
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(sketch.Output(sketch.Op("MatMul", x, w)));
        Assert.True(model.Explain().Nodes.Single(n => n.OpType == "MatMul").IsInt8);
        using InferenceRequest request = model.CreateRequest();
        Array.ConvertAll(source, q => SourceScale * (q - ZeroPoint)).CopyTo(request.Input(model.Inputs[0].Name).AsSpan<float>());
        request.Run();
        ReadOnlySpan<float> result = request.Output(model.Outputs[0].Name).AsSpan<float>();
        for (int i = 0; i < Rows * Columns; i++)
        {
            double sum = 0;
            for (int k = 0; k < Inner; k++)
            {
                double left = SourceScale * (source[(i / Columns * Inner) + k] - ZeroPoint);
                sum += left * (WeightsScale * weights[(k * Columns) + (i % Columns)]);
            }

            Assert.Equal(sum, result[i]);   // |Σ| < 2²⁴, so that every number is exact
        }
    }

    [Fact]
    public void A03_weights_of_int8_take_a_quarter_of_the_bytes_with_scales_and_compensation()
    {
        var f32 = new ModelSketch();
        ModelExplanation real = Explain(f32.Output(f32.Conv(f32.Input(1, 64, 8, 8), 64, 64)), null);
        var int8 = new ModelSketch();
        ModelExplanation integer = Explain(int8.Output(int8.Op(
            "Conv", int8.Edge(int8.Input(1, 64, 8, 8), 0.01f, 120), int8.QuantizedWeights(DataType.Int8, 0, 64, 64, 3, 3))), "avx512_vnni");
        Assert.True(integer.WeightsBytes <= 0.26 * real.WeightsBytes, $"{integer.WeightsBytes} of {real.WeightsBytes} bytes");
        Assert.All(integer.Nodes, n => Assert.True(n.Bytes > 0));   // bytes that a node moves are stated
    }

    [Theory]
    [InlineData("avx2_vnni", true)]
    [InlineData("avx512_vnni", true)]
    [InlineData("avx512_vnni", false)]
    public void A09_unsigned_sources_and_symmetric_signed_weights_have_the_dot_product_of_bytes(string tier, bool toInt8)
    {
        var sketch = new ModelSketch();
        GraphValue value = sketch.Op(
            "Conv", sketch.Edge(sketch.Input(1, 64, 8, 8), 0.01f, 0), sketch.QuantizedWeights(DataType.Int8, 0, 64, 64, 3, 3), sketch.Random(64));
        ModelExplanation plan = Explain(sketch.Output(toInt8 ? sketch.Edge(value, 0.05f, 0) : value), tier);
        NodeExplanation node = plan.Nodes.Single(n => n.OpType == "Conv");
        Assert.StartsWith($"brgemm_conv:{tier}", node.Implementation, StringComparison.Ordinal);
        Assert.StartsWith("brgemm:uint8:", node.WeightsLayout, StringComparison.Ordinal);
        Assert.Equal($"u8·s8→{(toInt8 ? "u8" : "f32")}", node.Precision);
    }

    // Weights are kept in f32, and quantizers stand in front of each layer of convolution, normalization and activation.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void M07_models_of_quantization_aware_training_run_their_layers_in_int8(bool normalized)
    {
        var sketch = new ModelSketch();
        GraphValue value = sketch.Input(1, 4, 6, 6);
        for (int layer = 0; layer < 2; layer++)
        {
            GraphValue scales = sketch.Constant(TensorData.Vector(0.01f, 0.009f, 0.011f, 0.01f)),
                zeros = sketch.Constant(TensorData.Vector<sbyte>(0, 0, 0, 0));
            var axis = new GraphAttributes { { "axis", 0 } };
            GraphValue weights = sketch.Op("DequantizeLinear", axis,
                sketch.Op("QuantizeLinear", axis, sketch.Random(4, 4, 3, 3), scales, zeros), scales, zeros);
            value = sketch.Op("Conv", sketch.Edge(value, 0.02f, layer == 0 ? 128 : 0), weights, sketch.Random(4));
            if (normalized)
            {
                value = sketch.Op("BatchNormalization", value, sketch.Constant(TensorData.Vector(1f, 0.5f, 2, 1)), sketch.Random(4),
                    sketch.Random(4), sketch.Constant(TensorData.Vector(1f, 2, 0.5f, 1)));
            }

            value = sketch.Op("Relu", value);
        }

        ModelExplanation plan = Runner.AssertPassesKeepResults(sketch.Output(value), 0.02f * 4);
        Assert.Equal(["u8·s8→u8", "u8·s8→f32"], plan.Nodes.Where(n => n.OpType == "Conv").Select(n => n.Precision));
        Assert.DoesNotContain(plan.Nodes, n => n.OpType is "BatchNormalization" or "Relu");
    }

    [Theory]
    [InlineData(1e-5f, 0.7f, true)]
    [InlineData(1e-5f, 0.7f, false)]
    [InlineData(0.5f, -1.25f, true)]
    [InlineData(1e-3f, 0f, true)]
    [InlineData(1e-3f, 0f, false)]
    public void H16_folded_batch_normalization_equals_the_unfolded_one(float epsilon, float gamma, bool bias)
    {
        var sketch = new ModelSketch();
        GraphValue convolution = sketch.Conv(sketch.Input(2, 3, 6, 5), 3, 4, bias: bias);
        GraphValue normalized = sketch.Op(
            "BatchNormalization", new GraphAttributes { { "epsilon", epsilon } }, convolution,
            sketch.Constant(TensorData.Vector<float>(gamma, 1, -gamma, 2)), sketch.Random(4), sketch.Random(4),
            sketch.Constant(TensorData.Vector<float>(1e-4f, 0.5f, 1, 30)));
        NodeExplanation only = Assert.Single(Runner.AssertPassesKeepResults(sketch.Output(normalized), 1e-5f).Nodes);
        Assert.Equal("Conv", only.OpType);
    }

    // On a tier that may be emulated.
    private static ModelExplanation Explain(ModelGraph graph, string? tier)
    {
        using CpuEngine engine = tier is null
            ? CpuEngine.Create() : CpuEngine.Create(new CpuEngineOptions { MaxIsa = IsaTiers.Parse(tier), Emulate = true });
        using CompiledModel model = engine.Compile(graph);
        return model.Explain();
    }
}
