// Operators of com.microsoft against results computed by hand.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Tests;

public sealed class MicrosoftOperatorTests
{
    private readonly ModelGraph _graph = new("microsoft");

    [Fact]
    public void QLinearAveragePool_with_channels_last()
    {
        GraphValue x = _graph.AddInput("x", DataType.UInt8, GraphShape.Of([1, 2, 2, 2]));
        var attributes = new GraphAttributes { { "kernel_shape", new long[] { 2, 2 } }, { "channels_last", 1 } };
        Node("QLinearAveragePool", attributes, x, Scalar(0.5f), Scalar((byte)10), Scalar(0.25f), Scalar((byte)20));
        // Means 13 and 25 of the two channels: 0.5·(13 − 10)/0.25 + 20 and 0.5·(25 − 10)/0.25 + 20.
        Assert.Equal([26, 50], Run<byte, byte>([10, 22, 12, 24, 14, 26, 16, 28]));
    }

    [Fact]
    public void QLinearGlobalAveragePool_and_QLinearReduceMean_agree()
    {
        byte[] values = [1, 2, 3, 6, 100, 102, 104, 110];
        GraphValue x = _graph.AddInput("x", DataType.UInt8, GraphShape.Of([1, 2, 2, 2]));
        GraphValue[] parameters = [x, Scalar(1f), Scalar((byte)0), Scalar(0.5f), Scalar((byte)0)];
        Node("QLinearGlobalAveragePool", null, parameters);
        Node("QLinearReduceMean", new GraphAttributes { { "axes", new long[] { 2, 3 } }, { "keepdims", 1 } }, parameters);
        Assert.Equal([6, 208, 6, 208], Run<byte, byte>(values));
    }

    [Fact]
    public void QLinearSigmoid_QLinearSoftmax_and_QLinearWhere()
    {
        GraphValue x = _graph.AddInput("x", DataType.Int8, GraphShape.Of([1, 4]));
        GraphValue scale = Scalar(1f), zero = Scalar((sbyte)0), fine = Scalar(1 / 128f), low = Scalar((sbyte)-64);
        Node("QLinearSigmoid", null, x, scale, zero, fine, low);
        Node("QLinearSoftmax", new GraphAttributes { { "axis", -1 }, { "opset", 13 } }, x, scale, zero, fine, low);
        GraphValue condition = _graph.AddConstant("condition", new TensorData(DataType.Boolean, [1, 4], new byte[] { 1, 0, 0, 1 }));
        Node("QLinearWhere", null, condition, x, scale, zero, x, Scalar(2f), zero, scale, zero);
        sbyte[] actual = Run<sbyte, sbyte>([0, 1, -100, 100]);
        Assert.Equal([0, 30, -64, 64], actual[..4]);   // 128·sigmoid − 64
        Assert.Equal([-64, -64, -64, 64], actual[4..8]);
        Assert.Equal([0, 2, -128, 100], actual[8..]);
    }

    [Fact]
    public void QGemm_scales_its_bias()
    {
        GraphValue x = _graph.AddInput("x", DataType.UInt8, GraphShape.Of([1, 2]));
        GraphValue weights = _graph.AddConstant("w", TensorData.Create<sbyte>([1, 2, 3, 4], [2, 2]));
        GraphValue bias = _graph.AddConstant("b", TensorData.Vector(10, 20));
        Node("QGemm", new GraphAttributes { { "transB", 1 } }, x, Scalar(0.5f), Scalar((byte)1), weights, Scalar(0.25f),
            Scalar((sbyte)0), bias);
        // (3 − 1)·1 + (5 − 1)·2 + 10 = 20 and (3 − 1)·3 + (5 − 1)·4 + 20 = 42, times 0.5·0.25
        Assert.Equal([2.5f, 5.25f], Run<byte, float>([3, 5]));
    }

    [Fact]
    public void QLinearConv_with_channels_last()
    {
        GraphValue x = _graph.AddInput("x", DataType.UInt8, GraphShape.Of([1, 1, 2, 2]));
        GraphValue weights = _graph.AddConstant("w", TensorData.Create<sbyte>([1, 2, -1, 1], [2, 2, 1, 1]));
        Node("QLinearConv", new GraphAttributes { { "channels_last", 1 } },
            x, Scalar(1f), Scalar((byte)0), weights, Scalar(1f), Scalar((sbyte)0), Scalar(1f), Scalar((byte)100));
        Assert.Equal([150, 110, 210, 110], Run<byte, byte>([10, 20, 30, 40]));
    }

    [Fact]
    public void DynamicQuantizeMatMul_and_MatMulIntegerToFloat()
    {
        GraphValue x = _graph.AddInput("x", DataType.Float32, GraphShape.Of([1, 2]));
        GraphValue weights = _graph.AddConstant("w", TensorData.Create<sbyte>([1, 2, 3, 4], [2, 2]));
        GraphValue bias = _graph.AddConstant("b", TensorData.Vector(1f, -1f));
        Node("DynamicQuantizeMatMul", null, x, weights, Scalar(0.5f), Scalar((sbyte)0), bias);
        GraphValue integers = _graph.AddConstant("a", TensorData.Create<byte>([12, 14], [1, 2]));
        Node("MatMulIntegerToFloat", null, integers, weights, Scalar(2f), Scalar(0.5f), Scalar((byte)10), Scalar((sbyte)0), bias);
        // The range 0 … 255 is quantized exactly: 51·1 + 255·3 = 816, 51·2 + 255·4 = 1122; then 2·1 + 4·3 = 14, 2·2 + 4·4 = 20.
        Assert.Equal([409f, 560, 15, 19], Run<float, float>([51, 255]));
    }

    [Fact]
    public void SkipLayerNormalization_delivers_the_sum()
    {
        GraphValue x = _graph.AddInput("x", DataType.Float32, GraphShape.Of([1, 1, 4]));
        GraphValue skip = Vector([1, 1, 1, 1], 1, 1, 4), scale = Vector([1, 2, 1, 1], 4), shift = Vector([0, 0, 0, 5], 4),
            bias = Vector([-1, -1, 1, 1], 4);
        GraphValue result = _graph.AddValue("normalized", DataType.Float32), sum = _graph.AddValue("sum", DataType.Float32);
        _graph.AddNode("SkipLayerNormalization", [x, skip, scale, shift, bias],
            [result, _graph.AddOmittedOutput(), _graph.AddOmittedOutput(), sum],
            new GraphAttributes { { "epsilon", 0f } }, domain: "com.microsoft");
        _graph.AddOutput(sum);
        _graph.AddOutput(result);
        // The sum is −1, −1, 1, 1: mean 0, deviation 1.
        Assert.Equal([-1f, -1, 1, 1, -1, -2, 1, 6], Run<float, float>([-1, -1, -1, -1]));
    }

    [Fact]
    public void Root_mean_square_normalization()
    {
        GraphValue x = _graph.AddInput("x", DataType.Float32, GraphShape.Of([1, 4]));
        Node("SimplifiedLayerNormalization", new GraphAttributes { { "epsilon", 0f } }, x, Vector([1, 1, 2, 2], 4));
        Assert.Equal([1f, -1, 2, -2], Run<float, float>([3, -3, 3, -3]));
    }

    [Fact]
    public void Embeddings_are_summed_and_normalized()
    {
        GraphValue x = _graph.AddInput("x", DataType.Int32, GraphShape.Of([1, 2]));
        GraphValue words = Vector([0, 0, 4, 0, 1, 3], 3, 2), places = Vector([1, 0, 0, 1, 9, 9], 3, 2), ones = Vector([1, 1], 2),
            zeros = Vector([0, 0], 2);
        Node("EmbedLayerNormalization", new GraphAttributes { { "epsilon", 0f } }, x, null, words, places, null, ones, zeros);
        // Rows (4, 0) + (1, 0) and (1, 3) + (0, 1).
        Assert.Equal([1f, -1, -1, 1], Run<int, float>([1, 2]));
    }

    [Fact]
    public void Attention_of_equal_keys_is_the_mean_of_the_values()
    {
        GraphValue query = _graph.AddInput("x", DataType.Float32, GraphShape.Of([1, 2, 4]));
        GraphValue key = Vector([1, 1, 1, 1, 1, 1, 1, 1], 1, 2, 4), value = Vector([1, 2, 3, 4, 5, 6, 7, 8], 1, 2, 4);
        Node("MultiHeadAttention", new GraphAttributes { { "num_heads", 2 } }, query, key, value);
        Assert.Equal([3f, 4, 5, 6, 3, 4, 5, 6], Run<float, float>([1, 2, 3, 4, 5, 6, 7, 8]));
    }

    [Fact]
    public void Weights_of_few_bits_stay_integers()
    {
        GraphValue x = _graph.AddInput("x", DataType.Float32, GraphShape.Of([1, 32]));
        byte[] codes = [.. Enumerable.Range(0, 2 * 2 * 16).Select(i => (byte)(i * 7))];
        GraphValue weights = _graph.AddConstant("w", new TensorData(DataType.UInt8, [2, 2, 16], codes));
        GraphValue zeros = _graph.AddConstant("z", new TensorData(DataType.UInt8, [2, 2], new byte[] { 128, 127, 3, 250 }));
        Node("MatMulNBits", new GraphAttributes { { "K", 32 }, { "N", 2 }, { "bits", 8 }, { "block_size", 16 } }, x, weights,
            Vector([0.5f, 2, 1, 0.25f], 4), zeros);
        float[] values = [.. Enumerable.Range(0, 32).Select(i => (i % 5) - 2f)];
        float[] scales = [0.5f, 2, 1, 0.25f];
        int[] points = [128, 127, 3, 250];
        Assert.Equal([.. Enumerable.Range(0, 2)
            .Select(n => Enumerable.Range(0, 32)
                .Sum(k => values[k] * (codes[(n * 32) + k] - points[(n * 2) + (k / 16)]) * scales[(n * 2) + (k / 16)]))],
            Run<float, float>(values));
    }

    [Fact]
    public void Weights_of_four_bits_are_read_lower_half_first()
    {
        GraphValue x = _graph.AddInput("x", DataType.Float32, GraphShape.Of([1, 16]));
        byte[] codes = [0x98, 0x10, 0, 0, 0, 0, 0, 0xF0];   // 8, 9, 0, 1, …, 0, 15; the zero point is 8
        GraphValue weights = _graph.AddConstant("w", new TensorData(DataType.UInt8, [1, 1, 8], codes));
        Node("MatMulNBits", new GraphAttributes { { "K", 16 }, { "N", 1 }, { "bits", 4 }, { "block_size", 16 } }, x, weights,
            Vector([0.5f], 1));
        float[] values = [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10];
        Assert.Equal([(0 + 2 - 24 - 28 + 70) * 0.5f], Run<float, float>(values));
    }

    [Fact]
    public void NhwcMaxPool_pools_pixels()
    {
        GraphValue x = _graph.AddInput("x", DataType.UInt8, GraphShape.Of([1, 2, 2, 2]));
        Node("NhwcMaxPool", new GraphAttributes { { "kernel_shape", new long[] { 2, 2 } } }, x);
        Assert.Equal([7, 9], Run<byte, byte>([1, 9, 7, 3, 4, 2, 0, 8]));
    }

    private GraphValue Scalar<T>(T value) where T : unmanaged => _graph.AddConstant("c", TensorData.Scalar(value));

    private GraphValue Vector(float[] values, params int[] shape) => _graph.AddConstant("v", TensorData.Create<float>(values, shape));

    private void Node(string opType, GraphAttributes? attributes, params ReadOnlySpan<GraphValue?> inputs)
    {
        GraphValue output = _graph.AddValue(_graph.UniqueValueName("y"));
        _graph.AddNode(opType, inputs, [output], attributes, domain: "com.microsoft");
        _graph.AddOutput(output);
    }

    // All outputs, one after the other.
    private TOutput[] Run<TInput, TOutput>(TInput[] input) where TInput : unmanaged where TOutput : unmanaged
    {
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(OnnxModel.Load(SampleModels.Bytes(_graph)));
        using InferenceRequest request = model.CreateRequest();
        input.CopyTo(request.Input().AsSpan<TInput>());
        request.Run();
        return [.. model.Outputs.SelectMany(o => request.Output(o.Name).AsSpan<TOutput>().ToArray())];
    }
}
