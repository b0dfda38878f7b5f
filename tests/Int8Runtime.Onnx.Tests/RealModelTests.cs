// Every model of the external data: reading, writing, reading again.
using Int8Runtime.Graph;
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

    internal static string[] Models(string root) =>
    [
        .. Directory.GetFiles(Path.Combine(root, "data", "onnx"), "*.onnx").Order(),
        .. Directory.GetFiles(Path.Combine(root, "onnx-backend-tests", "light"), "*.onnx").Order(),
    ];
}
