// Defects that a reader can state: the message names the node or tensor.
using Google.Protobuf;
using Int8Runtime.Graph;
using Int8Runtime.Graph.Shapes;
using Int8Runtime.Onnx.Export;
using Int8Runtime.Onnx.Proto;

namespace Int8Runtime.Onnx.Tests;

public sealed class DefectTests
{
    [Fact]
    public void Defects_of_the_graph_are_named()
    {
        Refused("'nowhere'", m => m.Graph.Node[0].Input[0] = "nowhere");
        Refused("'nowhere'", m => m.Graph.Output[0].Name = "nowhere");
        Refused("'conv'", m => m.Graph.Node[2].Output[0] = "conv");
        Refused("cycle", m => m.Graph.Node[0].Input[0] = m.Graph.Node[3].Output[0]);
        Refused("Two values have the name 'w'", m => m.Graph.Initializer.Add(m.Graph.Initializer.First(t => t.Name == "w").Clone()));
        Refused("no graph", m => m.Graph = null);
        Refused("no outputs", m => m.Graph.Output.Clear());
        Refused("'strides' twice", m => m.Graph.Node[1].Attribute.Add(m.Graph.Node[1].Attribute.First(a => a.Name == "strides").Clone()));
    }

    [Fact]
    public void Defects_of_tensors_are_named()
    {
        Refused("'w' holds 860 bytes where its shape needs 864", m => Weights(m).RawData = ByteString.CopyFrom(new byte[860]));
        Refused("'w'", m => Weights(m).Dims[0] = -1);
        Refused("'w'", m => Weights(m).Dims[0] = long.MaxValue);
        Refused("'w'", m => Weights(m).Dims[0] = int.MaxValue - 1);
        Refused("'w' has the element type STRING", m => Weights(m).DataType = 8);
        Refused("'image' has the element type COMPLEX64", m => m.Graph.Input[0].Type.TensorType.ElemType = 14);
        Refused("'w' lies in the external file 'w.bin'", m => MoveToFile(Weights(m), "w.bin"));
    }

    [Fact]
    public void Defects_of_operators_that_are_decomposed_are_named()
    {
        Refused("'conv' (QLinearAdd) has no outputs", m => Become(m, "QLinearAdd", "com.microsoft").Output.Clear());
        Refused("'conv' (RMSNormalization): axis -2000000000 is out of range",
            m => Become(m, "RMSNormalization", "").Attribute.Add(Axis(-2_000_000_000)));
        Refused("axis 4 is out of range",
            m => m.Graph.Node[1] = new NodeProto { Name = "rms", OpType = "RMSNormalization", Input = { "image", "w" },
                Output = { "conv" }, Attribute = { Axis(4) } });
    }

    [Fact]
    public void Unknown_operators_are_kept_and_refused_by_name_later()
    {
        ModelProto model = GraphWriter.Write(SampleModels.Classifier());
        model.Graph.Node[1].OpType = "Konv";
        ModelGraph graph = OnnxModel.Load(model.ToByteArray());
        var exception = Assert.Throws<UnsupportedModelException>(() => ShapeInference.Infer(graph, Batch(graph, 1)));
        Assert.Contains("'conv' (Konv)", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_domains_are_refused()
    {
        Refused("'conv' (Conv) belongs to the operator domain 'example.org'", m => m.Graph.Node[1].Domain = "example.org");
    }

    [Fact]
    public void Wrong_input_shapes_are_refused()
    {
        ModelGraph graph = SampleModels.Classifier();
        Assert.Contains("'image'", Assert.Throws<ModelFormatException>(() => ShapeInference.Infer(graph)).Message,
            StringComparison.Ordinal);
        var wrong = new Dictionary<string, Shape> { ["image"] = [1, 4, 9, 9] };
        Assert.Contains("Nx3x9x9", Assert.Throws<ModelFormatException>(() => ShapeInference.Infer(graph, wrong)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void External_data_is_read_from_the_folder_of_the_model_only()
    {
        string folder = Directory.CreateTempSubdirectory("int8rt").FullName;
        try
        {
            ModelGraph expected = SampleModels.Classifier();
            ModelProto model = GraphWriter.Write(expected);
            TensorProto weights = Weights(model);
            byte[] content = weights.RawData.ToByteArray();
            File.WriteAllBytes(Path.Combine(folder, "w.bin"), [.. new byte[64], .. content]);
            MoveToFile(weights, "w.bin", offset: 64);
            string path = Path.Combine(folder, "model.onnx");
            File.WriteAllBytes(path, model.ToByteArray());
            Assert.True(OnnxModel.Load(path).TryGetValue("w", out GraphValue? read));
            Assert.Equal(content, read.Constant!.Bytes.ToArray());

            foreach ((string location, int offset) in new[] { ("w.bin", 65), ("missing.bin", 0), ("../w.bin", 0), ("/etc/hostname", 0) })
            {
                MoveToFile(weights, location, offset);
                File.WriteAllBytes(path, model.ToByteArray());
                var exception = Assert.Throws<ModelFormatException>(() => OnnxModel.Load(path));
                Assert.Contains("'w'", exception.Message, StringComparison.Ordinal);
                Assert.Contains(location, exception.Message, StringComparison.Ordinal);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_failed_save_leaves_nothing_behind()
    {
        string folder = Directory.CreateTempSubdirectory("int8rt").FullName;
        try
        {
            ModelGraph graph = SampleModels.Classifier();
            graph.AddOutput(graph.AddValue("undefined"));
            Assert.Throws<ModelFormatException>(() => OnnxModel.Save(graph, Path.Combine(folder, "model.onnx")));
            Assert.Empty(Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The node 'conv' as another operator without attributes.
    private static NodeProto Become(ModelProto model, string opType, string domain)
    {
        NodeProto node = model.Graph.Node[1];
        (node.OpType, node.Domain) = (opType, domain);
        node.Attribute.Clear();
        return node;
    }

    private static AttributeProto Axis(long axis) => new() { Name = "axis", Type = AttributeProto.Types.Kind.Int, I = axis };

    private static TensorProto Weights(ModelProto model) => model.Graph.Initializer.First(t => t.Name == "w");

    private static void MoveToFile(TensorProto tensor, string location, int offset = 0)
    {
        tensor.ClearRawData();
        tensor.DataLocation = TensorProto.Types.Location.External;
        tensor.ExternalData.Clear();
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = $"{offset}" });
    }

    private static Dictionary<string, Shape> Batch(ModelGraph graph, int size) =>
        new() { [graph.Inputs[0].Name] = [size, 3, 9, 9] };

    private static void Refused(string expected, Action<ModelProto> damage)
    {
        ModelProto model = GraphWriter.Write(SampleModels.Classifier()).Clone();
        damage(model);
        byte[] bytes = model.ToByteArray();
        var exception = Assert.ThrowsAny<ModelFormatException>(() => OnnxModel.Load(bytes));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }
}
