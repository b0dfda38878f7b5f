// Small f32 models with seeded weights, written as a chain of calls.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Tests.Algorithms;

/// <summary>Builds a model; nodes have the names that the calls give.</summary>
internal sealed class GraphBuilder
{
    private readonly Random _random = new(11);

    public GraphBuilder(int channels = 8, int size = 10)
    {
        Graph = new ModelGraph("built");
        Input = Graph.AddInput("x", DataType.Float32, new GraphShape(GraphDimension.Named("N"), channels, size, size));
    }

    public ModelGraph Graph { get; }

    public GraphValue Input { get; }

    public GraphValue Conv(string name, GraphValue x, int inputs, int outputs, int kernel = 3, int stride = 1, int groups = 1,
        bool bias = true)
    {
        GraphValue weights = Constant(name + "_w", Math.Sqrt(2.0 / (inputs / groups * kernel * kernel)), outputs, inputs / groups,
            kernel, kernel);
        int pad = kernel / 2;
        return Graph.AddOperation("Conv", name, bias ? [x, weights, Constant(name + "_b", 0.1, outputs)] : [x, weights], new GraphAttributes
        {
            { "kernel_shape", new long[] { kernel, kernel } }, { "strides", new long[] { stride, stride } },
            { "pads", new long[] { pad, pad, pad, pad } }, { "group", groups },
        });
    }

    public GraphValue Gemm(string name, GraphValue x, int inputs, int outputs) => Graph.AddOperation(
        "Gemm", name, [x, Constant(name + "_w", Math.Sqrt(1.0 / inputs), outputs, inputs), Constant(name + "_b", 0.1, outputs)],
        new GraphAttributes { { "transB", 1 } });

    public GraphValue Clip(string name, GraphValue x) => Graph.AddOperation(
        "Clip", name, [x, Graph.AddConstant(name + "_low", TensorData.Scalar(0f)),
            Graph.AddConstant(name + "_high", TensorData.Scalar(6f))]);

    public GraphValue MaxPool(string name, GraphValue x) => Graph.AddOperation(
        "MaxPool", name, [x], new GraphAttributes { { "kernel_shape", new long[] { 2, 2 } }, { "strides", new long[] { 2, 2 } } });

    public GraphValue Concat(string name, params GraphValue[] operands) =>
        Graph.AddOperation("Concat", name, operands, new GraphAttributes { { "axis", 1 } });

    public GraphValue Op(string opType, string name, params GraphValue[] operands) => Graph.AddOperation(opType, name, operands);

    public GraphValue Constant(string name, double deviation, params int[] shape)
    {
        TensorData content = TensorData.Allocate(DataType.Float32, shape, out Span<float> values);
        NormalDistribution.Fill(_random, values, deviation);
        return Graph.AddConstant(name, content);
    }

    public ModelGraph Finish(params GraphValue[] outputs)
    {
        foreach (GraphValue output in outputs)
        {
            output.ElementType = DataType.Float32;
            Graph.AddOutput(output);
        }

        Graph.Validate();
        return Graph;
    }

    /// <summary>Convolutions, depthwise, residual sum, concatenation, pools, and a fully connected classifier.</summary>
    public static ModelGraph Classifier()
    {
        var b = new GraphBuilder();
        GraphValue stem = b.Op("Relu", "stem_relu", b.Conv("stem", b.Input, 8, 16));
        GraphValue wide = b.Clip("dw_clip", b.Conv("dw", stem, 16, 16, groups: 16));
        GraphValue branch = b.Conv("project", wide, 16, 16, kernel: 1);
        GraphValue sum = b.Op("Relu", "sum_relu", b.Op("Add", "sum", branch, stem));
        GraphValue pooled = b.MaxPool("pool", sum);
        GraphValue joined = b.Concat("joined", b.Op("Relu", "left_relu", b.Conv("left", pooled, 16, 8, kernel: 1)),
            b.Op("Relu", "right_relu", b.Conv("right", pooled, 16, 24)));
        GraphValue features = b.Op("Flatten", "flat", b.Op("GlobalAveragePool", "mean", joined));
        return b.Finish(b.Gemm("logits", features, 32, 10));
    }

    public static ModelGraph Skewed(int groups, Func<GraphBuilder, GraphValue, GraphValue>? between = null)
    {
        var build = new GraphBuilder();
        GraphValue first = build.Conv("c1", build.Input, 8, 16);
        GraphNode producer = first.Producer!;
        TensorData weights = producer.ConstantInput(1)!;
        TensorData skewed = TensorData.Allocate(DataType.Float32, weights.Shape, out Span<float> values);
        int perChannel = weights.ElementCount / 16;
        for (int i = 0; i < values.Length; i++)
            values[i] = weights.AsSpan<float>()[i] * MathF.Pow(200, -(i / perChannel) / 15f);
        producer.SetInput(1, build.Graph.AddConstant("skewed", skewed));
        TensorData zeros = TensorData.Allocate(DataType.Float32, [16], out Span<float> _);
        producer.SetInput(2, build.Graph.AddConstant("no_bias", zeros));
        GraphValue second = build.Conv("c2", between?.Invoke(build, first) ?? build.Op("Relu", "r", first), 16, 16, groups: groups);
        GraphNode consumer = second.Producer!;
        TensorData following = consumer.ConstantInput(1)!;
        TensorData inverse = TensorData.Allocate(DataType.Float32, following.Shape, out Span<float> products);
        int taps = 9, inputs = following.Shape[1];
        for (int i = 0; i < products.Length; i++)
        {
            int channel = groups == 1 ? i / taps % inputs : i / taps;
            products[i] = following.AsSpan<float>()[i] * MathF.Pow(200, channel / 15f);
        }

        consumer.SetInput(1, build.Graph.AddConstant("inverse", inverse));
        return build.Finish(second);
    }
}
