// Small models and tensors as files.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli.Tests;

internal static class Models
{
    /// <summary>x + y of shape [N, 3].</summary>
    public static ModelGraph Sum()
    {
        var graph = new ModelGraph("sum");
        var shape = new GraphShape(GraphDimension.Named("N"), 3);
        GraphValue x = graph.AddInput("x", DataType.Float32, shape), y = graph.AddInput("y", DataType.Float32, shape);
        return Finish(graph, graph.AddOperation("Add", "z", [x, y]));
    }

    /// <summary>Relu of shape [N, 3].</summary>
    public static ModelGraph Relu()
    {
        var graph = new ModelGraph("relu");
        return Finish(graph,
            graph.AddOperation("Relu", "z",
                [graph.AddInput("x", DataType.Float32, new GraphShape(GraphDimension.Named("N"), 3))]));
    }

    /// <summary>An operator that IR has no form for.</summary>
    public static ModelGraph Hard()
    {
        var graph = new ModelGraph("hard");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(GraphDimension.Named("N"), 3));
        return Finish(graph, graph.AddOperation("Hardmax", "z", [x]));
    }

    /// <summary>A chain of operators that do not exist.</summary>
    public static ModelGraph Unknown(int count)
    {
        var graph = new ModelGraph("unknown");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(GraphDimension.Named("N"), 3));
        for (int i = 0; i < count; i++)
        {
            GraphValue next = graph.AddValue($"v{i}");
            graph.AddNode("Frobnicate", [x], [next], name: $"strange{i}");
            x = next;
        }

        return Finish(graph, x);
    }

    public static byte[] Bytes(ModelGraph graph)
    {
        using var stream = new MemoryStream();
        OnnxModel.Save(graph, stream);
        return stream.ToArray();
    }

    public static void SaveNpy(string path, Shape shape, params float[] values) =>
        NpyFile.Save(path, new NpyArray(DataType.Float32, shape,
            System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values).ToArray()));

    private static ModelGraph Finish(ModelGraph graph, GraphValue output)
    {
        output.ElementType = DataType.Float32;
        output.Shape = new GraphShape(GraphDimension.Named("N"), 3);
        graph.AddOutput(output);
        return graph;
    }
}
