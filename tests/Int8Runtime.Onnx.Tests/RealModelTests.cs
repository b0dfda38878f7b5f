// Every model of the external data: reading, writing, reading again.
using System.Diagnostics;
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;
using Int8Runtime.Graph.Shapes;
using Int8Runtime.TestKit;
using Xunit.Abstractions;

namespace Int8Runtime.Onnx.Tests;

public sealed class RealModelTests(ITestOutputHelper output)
{
    [Fact]
    public void Models_survive_a_round_trip()
    {
        if (!ExternalData.TryGet("", out string? root))
            return;
        string[] models = Models(root);
        Assert.True(models.Length >= 21, $"only {models.Length} models in {root}");
        foreach (string path in models)
        {
            ModelGraph graph = OnnxModel.Load(path);
            output.WriteLine($"{Path.GetFileName(path)}: {graph.Nodes.Count} nodes");
            using var stream = new MemoryStream();
            OnnxModel.Save(graph, stream);
            GraphAssert.Equal(graph, OnnxModel.Load(stream.ToArray()));
            GraphAssert.Equal(graph, graph.Clone());
        }
    }

    [Fact]
    public void Shapes_of_models_are_those_they_state()
    {
        if (!ExternalData.TryGet("", out string? root))
            return;
        foreach (string path in Models(root))
        {
            var watch = Stopwatch.StartNew();
            ModelGraph graph = OnnxModel.Load(path);
            (GraphShape? Shape, DataType Type)[] stated = [.. graph.Outputs.Select(o => (o.Shape, o.ElementType))];
            ConstantFolding.Run(graph);
            InferredTensors tensors = ShapeInference.Infer(graph, DefaultShapes(path, graph));
            tensors.Apply(graph);
            GraphCleanup.Run(graph);
            graph.Validate();
            IEnumerable<string> counts = graph.Nodes.CountBy(n => n.OpType).OrderByDescending(c => c.Value)
                .Select(c => $"{c.Key} {c.Value}");
            output.WriteLine($"{Path.GetFileName(path)}: {graph.Nodes.Count} nodes, {watch.ElapsedMilliseconds} ms: "
                + $"{string.Join(", ", counts)}");
            for (int i = 0; i < stated.Length; i++)
            {
                Assert.Equal(stated[i].Type, graph.Outputs[i].ElementType);
                Assert.True(stated[i].Shape is null || stated[i].Shape!.Accepts(graph.Outputs[i].Shape!.ToExtents()),
                    $"{path}: {graph.Outputs[i]}");
            }
            string[] left = ["Shape", "ConstantOfShape", "Identity", "Dropout", "Constant"];
            Assert.DoesNotContain(graph.Nodes, n => left.Contains(n.OpType));
        }
    }

    // One image; the digits model names its dimensions without giving their extents.
    private static Dictionary<string, Shape> DefaultShapes(string path, ModelGraph graph) =>
        path.Contains("mnist-8", StringComparison.Ordinal)
        ? new() { [graph.Inputs[0].Name] = [1, 1, 28, 28] }
        : graph.Inputs.ToDictionary(i => i.Name, i => (Shape)i.Shape!.Select(d => d.Extent ?? 1).ToArray());

    internal static string[] Models(string root) =>
    [
        .. Directory.GetFiles(Path.Combine(root, "data", "onnx"), "*.onnx").Order(),
        .. Directory.GetFiles(Path.Combine(root, "onnx-backend-tests", "light"), "*.onnx").Order(),
    ];
}
