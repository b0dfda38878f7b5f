// Small models made in memory.
using Google.Protobuf;
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Export;
using Int8Runtime.Onnx.Proto;

namespace Int8Runtime.Onnx.Tests;

internal static class SampleModels
{
    /// <summary>A classifier with an exporter's detours: shape arithmetic, slices, a split, quantization.</summary>
    public static ModelGraph Classifier()
    {
        var graph = new ModelGraph("sample");
        GraphValue image = graph.AddInput("image", DataType.Float32, new GraphShape(GraphDimension.Named("N"), 3, 9, 9));
        GraphValue x = graph.AddOperation("Pad", "padded",
            [image, Integers(graph, "pads", 0, 0, 1, 1, 0, 0, 1, 1), graph.AddConstant("zero", TensorData.Scalar(0f))]);
        x = graph.AddOperation("Conv", "conv", [x, Reals(graph, "w", 8, 3, 3, 3), Reals(graph, "b", 8)], new GraphAttributes
        {
            { "strides", new long[] { 2, 2 } }, { "pads", new long[] { 0, 0, 1, 1 } }, { "kernel_shape", new long[] { 3, 3 } },
        });
        x = graph.AddOperation("BatchNormalization", "norm",
            [x, Reals(graph, "g", 8), Reals(graph, "o", 8), Reals(graph, "m", 8), Reals(graph, "v", 8)]);
        x = graph.AddOperation("Clip", "clip",
            [x, graph.AddConstant("low", TensorData.Scalar(0f)), graph.AddConstant("high", TensorData.Scalar(6f))]);
        GraphValue scale = graph.AddConstant("scale", TensorData.Scalar(0.05f)),
            zeroPoint = graph.AddConstant("zp", TensorData.Scalar((byte)3));
        x = graph.AddOperation("QuantizeLinear", "q", [x, scale, zeroPoint]);
        x = graph.AddOperation("DequantizeLinear", "dq", [x, scale, zeroPoint]);
        x = graph.AddOperation("MaxPool", "pool", [x], new GraphAttributes { { "kernel_shape", new long[] { 2, 2 } }, { "ceil_mode", 1 } });
        GraphValue left = graph.AddValue("left"), right = graph.AddValue("right");
        graph.AddNode("Split", [x, Integers(graph, "sizes", 3, 5)], [left, right], new GraphAttributes { { "axis", 1 } });
        x = graph.AddOperation("Concat", "joined", [right, left], new GraphAttributes { { "axis", 1 } });
        x = graph.AddOperation("Resize", "resized", [x, null, graph.AddConstant("scales", TensorData.Vector(1f, 1f, 2f, 2f))]);
        x = graph.AddOperation("Slice", "cut",
            [x, Integers(graph, "starts", 0, -1), Integers(graph, "ends", 99, -99), Integers(graph, "axes", 2, 3),
                Integers(graph, "steps", 2, -1)]);
        GraphValue mean = graph.AddOperation("ReduceMean", "mean", [x, Integers(graph, "spatial", 2, 3)]);
        GraphValue batch = graph.AddOperation("Gather", "batch",
            [graph.AddOperation("Shape", "shape", [mean]), Integers(graph, "first", 0)]);
        GraphValue target = graph.AddOperation("Concat", "target", [batch, Integers(graph, "rest", -1)],
            new GraphAttributes { { "axis", 0 } });
        x = graph.AddOperation("Reshape", "flat", [mean, target]);
        x = graph.AddOperation("Gemm", "gemm", [x, Reals(graph, "fc", 10, 8), Reals(graph, "fcb", 10)],
            new GraphAttributes { { "transB", 1 } });
        x = graph.AddOperation("Softmax", "scores", [x], new GraphAttributes { { "axis", -1 } });
        graph.AddOutput(x);
        return graph;
    }

    /// <summary>The file of a model.</summary>
    public static byte[] Bytes(ModelGraph graph)
    {
        using var stream = new MemoryStream();
        OnnxModel.Save(graph, stream);
        return stream.ToArray();
    }

    /// <summary>Reads a graph whose nodes are taken to be of another operator set, as an old file would hold
    /// them.</summary>
    public static ModelGraph ReadAs(ModelGraph graph, int operatorSet)
    {
        ModelProto model = GraphWriter.Write(graph);
        model.OpsetImport[0].Version = operatorSet;
        return OnnxModel.Load(model.ToByteArray());
    }

    public static GraphValue Integers(ModelGraph graph, string name, params ReadOnlySpan<long> values) =>
        graph.AddConstant(name, TensorData.Vector(values));

    /// <summary>Weights that are different from each other, in a fixed order.</summary>
    public static GraphValue Reals(ModelGraph graph, string name, params int[] shape)
    {
        TensorData content = TensorData.Allocate(DataType.Float32, shape, out Span<float> elements);
        for (int i = 0; i < elements.Length; i++)
            elements[i] = (i * 37 % 101 + 1) / 100f;
        return graph.AddConstant(name, content);
    }
}
