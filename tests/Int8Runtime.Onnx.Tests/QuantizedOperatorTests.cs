// Operators that carry their scales become dequantize → operator → quantize, with the same result.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Onnx.Tests;

public sealed class QuantizedOperatorTests
{
    private const string Microsoft = "com.microsoft";

    [Fact]
    public void QLinearConv_gets_real_operands_and_a_bias_scaled_by_both()
    {
        var graph = new ModelGraph("q");
        GraphValue x = graph.AddInput("x", DataType.UInt8, GraphShape.Of([1, 1, 2, 2]));
        GraphValue y = graph.AddValue("y", DataType.UInt8);
        graph.AddNode("QLinearConv",
        [
            x, Scalar(graph, 0.5f), Scalar(graph, (byte)3),
            graph.AddConstant("w", TensorData.Create<sbyte>([1, -2], [2, 1, 1, 1])), graph.AddConstant("ws", TensorData.Vector(0.25f, 2f)),
            Scalar(graph, (sbyte)0), Scalar(graph, 0.1f), Scalar(graph, (byte)7), graph.AddConstant("b", TensorData.Vector(10, -20)),
        ], [y]);
        graph.AddOutput(y);

        ModelGraph read = OnnxModel.Load(SampleModels.Bytes(graph));
        GraphNode conv = Assert.Single(read.Nodes, n => n.OpType == "Conv");
        GraphNode weights = conv.Input(1).Producer!, bias = conv.Input(2).Producer!;
        Assert.Equal("DequantizeLinear", weights.OpType);
        Assert.Equal(2, weights.ConstantInput(2)!.ElementCount);   // one zero point for all was repeated
        Assert.Equal([0.125f, 1f], bias.ConstantInput(1)!.ToSingleArray());
        Assert.Equal("QuantizeLinear", read.Outputs[0].Producer!.OpType);
        Assert.Equal("y", read.Outputs[0].Name);
    }

    [Theory]
    [InlineData("QLinearAdd", 43)]    // (0.5·(13 − 3) + 0.25·(9 − 1)) / 0.2 + 8
    [InlineData("QLinearMul", 58)]    // (5 · 2) / 0.2 + 8
    public void Binary_operators_give_the_quantized_result(string opType, byte expected)
    {
        var graph = new ModelGraph("q");
        GraphValue a = graph.AddInput("a", DataType.UInt8, GraphShape.Of([1])), b = graph.AddInput("b", DataType.UInt8, GraphShape.Of([1]));
        GraphValue y = graph.AddValue("y", DataType.UInt8);
        graph.AddNode(opType,
            [a, Scalar(graph, 0.5f), Scalar(graph, (byte)3), b, Scalar(graph, 0.25f), Scalar(graph, (byte)1), Scalar(graph, 0.2f),
                Scalar(graph, (byte)8)],
            [y], domain: Microsoft);
        graph.AddOutput(y);
        Assert.Equal([expected], Run(graph, TensorData.Vector((byte)13), TensorData.Vector((byte)9)).AsSpan<byte>().ToArray());
    }

    [Fact]
    public void QLinearConcat_requantizes_each_part()
    {
        var graph = new ModelGraph("q");
        GraphValue a = graph.AddInput("a", DataType.Int8, GraphShape.Of([1])), b = graph.AddInput("b", DataType.Int8, GraphShape.Of([1]));
        GraphValue y = graph.AddValue("y", DataType.Int8);
        graph.AddNode("QLinearConcat",
            [Scalar(graph, 1f), Scalar(graph, (sbyte)-1), a, Scalar(graph, 2f), Scalar(graph, (sbyte)0), b, Scalar(graph, 0.5f),
                Scalar(graph, (sbyte)2)],
            [y], new GraphAttributes { { "axis", 0 } }, domain: Microsoft);
        graph.AddOutput(y);
        Assert.Equal([5, 3], Run(graph, TensorData.Vector((sbyte)3), TensorData.Vector((sbyte)10)).AsSpan<sbyte>().ToArray());
    }

    [Fact]
    public void Missing_zero_points_follow_the_source_type()
    {
        var graph = new ModelGraph("q");
        GraphValue a = graph.AddInput("a", DataType.Int8, GraphShape.Of([2]));
        GraphValue y = graph.AddValue("y", DataType.Int8);
        graph.AddNode("QLinearLeakyRelu", [a, Scalar(graph, 1f), Scalar(graph, (sbyte)0), Scalar(graph, 0.5f)], [y],
            new GraphAttributes { { "alpha", 0.5f } }, domain: Microsoft);
        graph.AddOutput(y);
        Assert.Equal([-10, 20], Run(graph, TensorData.Vector<sbyte>(-10, 10)).AsSpan<sbyte>().ToArray());
    }

    [Fact]
    public void Fused_convolution_is_taken_apart()
    {
        var graph = new ModelGraph("f");
        GraphValue x = graph.AddInput("x", DataType.Float32, GraphShape.Of([1, 1, 2, 2]));
        GraphValue y = graph.AddValue("y", DataType.Float32);
        graph.AddNode("FusedConv", [x, SampleModels.Reals(graph, "w", 1, 1, 1, 1), null, x], [y], new GraphAttributes
        {
            { "activation", "Clip" }, { "activation_params", new[] { 0f, 6f } },
        }, domain: Microsoft);
        graph.AddOutput(y);
        ModelGraph read = OnnxModel.Load(SampleModels.Bytes(graph));
        Assert.Equal(["Conv", "Add", "Clip"], read.Nodes.Select(n => n.OpType));
    }

    private static GraphValue Scalar<T>(ModelGraph graph, T value) where T : unmanaged => graph.AddConstant("c", TensorData.Scalar(value));

    private static TensorData Run(ModelGraph graph, params TensorData[] inputs)
    {
        ModelGraph read = OnnxModel.Load(SampleModels.Bytes(graph));
        var contents = read.Inputs.Zip(inputs).ToDictionary(pair => pair.First, pair => pair.Second);
        foreach (GraphNode node in read.Nodes)
        {
            TensorData[] results = HostEvaluator.Evaluate(node, [.. node.Inputs.Select(v => v is null
                ? null
                : v.Constant ?? contents[v])]);
            for (int i = 0; i < node.Outputs.Count; i++)
                contents[node.Outputs[i]] = results[i];
        }
        return contents[read.Outputs[0]];
    }
}
