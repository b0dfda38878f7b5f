// Small models for tests, written as a chain of calls.
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph.Compilation;

/// <summary>Builds a model graph with random constants; every value is f32 unless quantized.</summary>
internal sealed class ModelSketch
{
    private readonly Random _random = new(7);
    private int _count;

    public ModelGraph Graph { get; } = new("sketch");

    public GraphValue Input(params GraphDimension[] shape) => Graph.AddInput(Name("x"), DataType.Float32, new GraphShape(shape));

    public GraphValue Random(params int[] shape)
    {
        TensorData data = TensorData.Allocate(DataType.Float32, shape, out Span<float> values);
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)((_random.NextDouble() * 2) - 1);
        return Graph.AddConstant(Name("c"), data);
    }

    public GraphValue Constant(TensorData data) => Graph.AddConstant(Name("c"), data);

    public GraphValue Op(string opType, GraphAttributes? attributes, params ReadOnlySpan<GraphValue?> inputs) =>
        Graph.AddOperation(opType, Name(opType.ToLowerInvariant()), inputs, attributes);

    public GraphValue Op(string opType, params ReadOnlySpan<GraphValue?> inputs) => Op(opType, null, inputs);

    public GraphValue Conv(GraphValue source, int from, int to, int kernel = 3, bool bias = true, int group = 1) => Op(
        "Conv", new GraphAttributes { { "pads", new[] { kernel / 2, kernel / 2, kernel / 2, kernel / 2 } }, { "group", group } },
        source, Random(to, from / group, kernel, kernel), bias ? Random(to) : null);

    public GraphValue Quantize(GraphValue value, float scale, int zeroPoint, DataType type = DataType.UInt8) =>
        Op("QuantizeLinear", value, Constant(TensorData.Scalar(scale)), Constant(Scalar(zeroPoint, type)));

    public GraphValue Dequantize(GraphValue value, float scale, int zeroPoint, DataType type = DataType.UInt8) =>
        Op("DequantizeLinear", value, Constant(TensorData.Scalar(scale)), Constant(Scalar(zeroPoint, type)));

    /// <summary>Quantizes and dequantizes, as quantizers mark an edge.</summary>
    public GraphValue Edge(GraphValue value, float scale, int zeroPoint, DataType type = DataType.UInt8) =>
        Dequantize(Quantize(value, scale, zeroPoint, type), scale, zeroPoint, type);

    /// <summary>Integer weights with one scale for each output channel, dequantized.</summary>
    public GraphValue QuantizedWeights(DataType type, int zeroPoint, params int[] shape)
    {
        int channels = shape[0], count = shape.Aggregate(1, (a, b) => a * b);
        float[] scales = [.. Enumerable.Range(0, channels).Select(c => 0.01f + (0.001f * c))];
        TensorData integers;
        TensorData zeros;
        if (type == DataType.UInt8)
        {
            integers = TensorData.Create<byte>(Enumerable.Range(0, count).Select(_ => (byte)_random.Next(256)).ToArray(), shape);
            zeros = TensorData.Vector<byte>(Enumerable.Repeat((byte)zeroPoint, channels).ToArray());
        }
        else
        {
            integers = TensorData.Create<sbyte>(Enumerable.Range(0, count).Select(_ => (sbyte)_random.Next(-127, 128)).ToArray(), shape);
            zeros = TensorData.Vector<sbyte>(Enumerable.Repeat((sbyte)zeroPoint, channels).ToArray());
        }

        return Op("DequantizeLinear", new GraphAttributes { { "axis", 0 } }, Constant(integers),
            Constant(TensorData.Vector<float>(scales)), Constant(zeros));
    }

    public ModelGraph Output(params GraphValue[] values)
    {
        foreach (GraphValue value in values)
            Graph.AddOutput(value);
        return Graph;
    }

    private static TensorData Scalar(int value, DataType type) =>
        type == DataType.UInt8 ? TensorData.Scalar((byte)value) : TensorData.Scalar((sbyte)value);

    private string Name(string prefix) => $"{prefix}{_count++}";
}
