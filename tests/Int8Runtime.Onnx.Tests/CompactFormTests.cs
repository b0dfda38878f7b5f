// The compact form of model files.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Tests;

public sealed class CompactFormTests
{
    private readonly ModelGraph _graph = Build();

    [Fact]
    public void Inputs_outputs_and_operators_keep_their_names()
    {
        ModelGraph read = Read(OnnxFileForm.Compact);
        Assert.Equal("image", read.Inputs[0].Name);
        Assert.Equal("a", read.Outputs[0].Name);   // a name that the numbering would give
        Assert.Equal(["first convolution", "second convolution"], read.Nodes.Where(n => n.Is("Conv")).Select(n => n.Name));
        Assert.All(read.Values.Where(v => !v.IsGraphInput && !v.IsGraphOutput), v => Assert.Single(v.Name));
        Assert.Equal(_graph.Nodes.Select(n => n.OpType), read.Nodes.Select(n => n.OpType));
    }

    [Fact]
    public void Equal_constants_are_stored_once()
    {
        GraphNode[] dequantizers = [.. Read(OnnxFileForm.Compact).Nodes.Where(n => n.Is("DequantizeLinear"))];
        Assert.Equal(2, dequantizers.Length);
        Assert.Same(dequantizers[0].Input(0), dequantizers[1].Input(0));
        Assert.Same(dequantizers[0].Input(1), dequantizers[1].Input(1));
        Assert.Equal(4, Read(OnnxFileForm.Complete).Values.Count(v => v.IsConstant));
        Assert.Equal(2, Read(OnnxFileForm.Compact).Values.Count(v => v.IsConstant));
    }

    [Fact]
    public void Defaults_and_the_description_are_left_out()
    {
        ModelGraph read = Read(OnnxFileForm.Compact);
        Assert.Equal("", read.Provenance.Description);
        Assert.Equal("cats", read.Provenance.Properties["class 0"]);
        GraphNode[] convolutions = [.. read.Nodes.Where(n => n.Is("Conv"))];
        Assert.Empty(convolutions[0].Attributes);
        Assert.Equal(["pads"], convolutions[1].Attributes.Select(a => a.Key));
        Assert.Equal(0, read.Nodes.First(n => n.Is("DequantizeLinear")).Attributes.GetInteger("axis", 1));
    }

    [Fact]
    public void The_complete_form_keeps_everything() => GraphAssert.Equal(_graph, Read(OnnxFileForm.Complete));

    private ModelGraph Read(OnnxFileForm form)
    {
        using var stream = new MemoryStream();
        OnnxModel.Save(_graph, stream, form);
        return OnnxModel.Load(stream.ToArray());
    }

    [Theory]
    [InlineData(OnnxFileForm.Complete)]
    [InlineData(OnnxFileForm.Compact)]
    public void Outputs_of_graphs_built_without_types_are_written_with_the_inferred_ones(OnnxFileForm form)
    {
        var graph = new ModelGraph("untyped");
        GraphValue result = graph.AddOperation("QuantizeLinear", "q", [
            graph.AddInput("x", DataType.Float32, GraphShape.Of([2, 3])), graph.AddConstant("scale", TensorData.Scalar(0.5f)),
            graph.AddConstant("zero", TensorData.Scalar((sbyte)1))]);
        Assert.Equal(DataType.Undefined, result.ElementType);
        graph.AddOutput(result);
        using var stream = new MemoryStream();
        OnnxModel.Save(graph, stream, form);
        Assert.Equal(DataType.Int8, OnnxModel.Load(stream.ToArray()).Outputs[0].ElementType);
    }

    // Two convolutions with equal weights, each with constants of its own.
    private static ModelGraph Build()
    {
        var graph = new ModelGraph("twins")
        {
            Provenance = new ModelProvenance { Description = "A description.",
                Properties = new Dictionary<string, string> { ["class 0"] = "cats" } },
        };
        GraphValue source = graph.AddInput("image", DataType.Float32, GraphShape.Of([1, 2, 5, 5]));
        GraphValue middle = graph.AddValue("between the convolutions");
        GraphValue result = graph.AddValue("a", DataType.Float32, GraphShape.Of([1, 2, 3, 3]));
        Convolve("first convolution", source, middle, [0, 0, 0, 0]);
        Convolve("second convolution", middle, result, [1, 1, 1, 1]);
        graph.AddOutput(result);
        return graph;

        void Convolve(string name, GraphValue input, GraphValue target, long[] pads)
        {
            GraphValue integers = graph.AddConstant(name + " weights", TensorData.Create<sbyte>(new sbyte[36], [2, 2, 3, 3]));
            GraphValue scale = graph.AddConstant(name + " scale", TensorData.Vector<float>(0.5f, 0.25f));
            GraphValue weights = graph.AddOperation("DequantizeLinear", name + " real weights", [integers, scale],
                new GraphAttributes { { "axis", 0 } });
            var attributes = new GraphAttributes
            {
                { "group", 1 }, { "strides", new long[] { 1, 1 } }, { "kernel_shape", new long[] { 3, 3 } }, { "pads", pads },
            };
            graph.AddNode("Conv", [input, weights], [target], attributes, name);
        }
    }
}
