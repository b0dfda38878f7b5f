// The structure of a file is parsed without its raw data, which stays where it is.
using System.Runtime.InteropServices;
using Google.Protobuf;
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Import;
using Int8Runtime.Onnx.Proto;

namespace Int8Runtime.Onnx.Tests;

public sealed class ModelContentTests
{
    [Fact]
    public void Raw_data_is_not_copied()
    {
        byte[] file = SampleModels.Bytes(SampleModels.Classifier());
        ModelProto model = ModelProto.Parser.ParseFrom(file);
        ModelContent content = ModelContent.Parse(file);
        Assert.Equal(model.Graph.Initializer.Count, content.Model.Graph.Initializer.Count);
        foreach ((TensorProto written, TensorProto read) in model.Graph.Initializer.Zip(content.Model.Graph.Initializer))
        {
            Assert.Equal((written.Name, written.Dims, written.HasRawData), (read.Name, read.Dims, read.HasRawData));
            if (!written.HasRawData)
                continue;
            ReadOnlyMemory<byte> data = content.RawData(read);
            Assert.Equal(written.RawData.ToByteArray(), data.ToArray());
            Assert.True(MemoryMarshal.TryGetArray(data, out ArraySegment<byte> segment));
            Assert.Same(file, segment.Array);
        }
    }

    [Fact]
    public void Everything_else_is_parsed_as_it_stands()
    {
        byte[] file = SampleModels.Bytes(SampleModels.Classifier());
        ModelProto model = ModelProto.Parser.ParseFrom(file), read = ModelContent.Parse(file).Model;
        foreach (TensorProto tensor in model.Graph.Initializer.Concat(read.Graph.Initializer).Where(t => t.HasRawData))
            tensor.ClearRawData();
        Assert.Equal(model, read);
    }

    [Fact]
    public void Raw_data_is_found_at_any_depth()
    {
        var tensor = new TensorProto { DataType = 2, Dims = { 3 }, RawData = ByteString.CopyFrom(1, 2, 3) };
        var inner = new GraphProto { Node = { Node(new AttributeProto { T = tensor }) }, Initializer = { tensor } };
        var model = new ModelProto
        {
            Graph = new GraphProto { Node = { Node(new AttributeProto { G = inner }), Node(new AttributeProto { Graphs = { inner } }) } },
        };
        ModelContent content = ModelContent.Parse(model.ToByteArray());
        AttributeProto[] attributes = [.. content.Model.Graph.Node.Select(n => n.Attribute[0])];
        foreach (GraphProto graph in (GraphProto[])[attributes[0].G, attributes[1].Graphs[0]])
            foreach (TensorProto read in (TensorProto[])[graph.Initializer[0], graph.Node[0].Attribute[0].T])
                Assert.Equal([1, 2, 3], content.RawData(read).ToArray());

        static NodeProto Node(AttributeProto attribute) => new() { Attribute = { attribute } };
    }

    // What the parser takes and no writer writes: long forms of numbers, groups, a field twice.
    [Fact]
    public void Unusual_forms_mean_what_the_parser_says()
    {
        byte[] tensor =
        [
            0x4A, 1, 7,                      // raw_data, which a later one replaces
            0xCA, 0x80, 0x00, 0x82, 0x00, 5, 6, // tag and length in more bytes than they need
            0xA3, 0x06, 0x4A, 1, 9, 0xA4, 0x06, // an unknown group, which holds what looks like raw_data
        ];
        byte[] graph = [0x2A, (byte)tensor.Length, .. tensor];
        ModelContent content = ModelContent.Parse((byte[])[0x3A, (byte)graph.Length, .. graph]);
        Assert.Equal([5, 6], content.RawData(content.Model.Graph.Initializer[0]).ToArray());
    }

    [Theory]
    [InlineData(new byte[] { 0x3A, 5, 0x2A, 3 }, "longer than the message")]
    [InlineData(new byte[] { 0x3A, 2, 0x2A, 3 }, "longer than the message")]
    [InlineData(new byte[] { 0x08 }, "incomplete")]
    [InlineData(new byte[] { 0x09, 1, 2 }, "incomplete")]
    [InlineData(new byte[] { 0x0F, 1 }, "no known form")]
    [InlineData(new byte[] { 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1 }, "more than 64 bits")]
    public void Damage_is_a_format_error(byte[] file, string reason)
    {
        var exception = Assert.Throws<ModelFormatException>(() => ModelContent.Parse(file));
        Assert.Contains("damaged or cut off", exception.Message, StringComparison.Ordinal);
        Assert.Contains(reason, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Endless_nesting_is_a_format_error()
    {
        byte[] graph = [];
        for (int depth = 0; depth < 200; depth++)
            graph = Enclosed(graph);
        Assert.Throws<ModelFormatException>(() => ModelContent.Parse((byte[])[0x3A, .. Length(graph.Length), .. graph]));

        // A graph with a node with an attribute that is a graph.
        static byte[] Enclosed(byte[] content)
        {
            byte[] inner = [0x32, .. Length(content.Length), .. content];
            byte[] node = [0x2A, .. Length(inner.Length), .. inner];
            return [0x0A, .. Length(node.Length), .. node];
        }

        static byte[] Length(int length) => [(byte)(length | 0x80), (byte)((length >> 7) | 0x80), (byte)(length >> 14)];
    }

    [Fact]
    public void A_large_file_may_go_while_its_model_is_in_use()
    {
        byte[] weights = new byte[3 << 20];
        new Random(1).NextBytes(weights);
        var graph = new ModelGraph("large");
        GraphValue constant = graph.AddValue("weights");
        constant.SetConstant(new TensorData(DataType.UInt8, [weights.Length], weights));
        graph.AddOutput(constant);
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.onnx");
        OnnxModel.Save(graph, path);
        ModelGraph read = OnnxModel.Load(path);
        File.Delete(path);
        Assert.Equal(weights, read.Outputs[0].Constant!.Bytes.ToArray());
    }
}
