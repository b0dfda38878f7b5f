// Graphs written as IR and read back compute the same.
using System.Xml.Linq;
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.TestKit;

namespace Int8Runtime.OpenVino.Tests;

public sealed class IrWriterTests
{
    [Theory]
    [InlineData("cifar10_resnet20")]
    [InlineData("cifar10_vit_pgd_2_3_16")]
    [InlineData("open-closed-eye-0001")]
    [InlineData("pupils_segmentation")]
    [InlineData("ultraface_RFB-320")]
    [InlineData("mobilenet_v2_qdq_int8")]
    public void Models_of_ONNX_compute_the_same_as_IR(string name)
    {
        if (!ExternalData.TryGet(Path.Combine("data", "onnx", name + ".onnx"), out string? path))
            return;
        ModelGraph graph = OnnxModel.Load(path);
        using var folder = new TemporaryFolder();
        ModelGraph written = folder.RoundTrip(graph);
        Assert.Equal(graph.Inputs.Select(i => i.Name), written.Inputs.Select(i => i.Name));
        Assert.Equal(graph.Outputs.Select(o => o.Name), written.Outputs.Select(o => o.Name));
        using CpuEngine engine = CpuEngine.Create();
        float[][] inputs = [.. graph.Inputs.Select((input, i) =>
            Running.Random(input.Shape!.Aggregate(1, (n, d) => n * (d.Extent ?? 1)), 20 + i))];
        float[][] expected = Running.Run(engine, graph, inputs), actual = Running.Run(engine, written, inputs);
        for (int i = 0; i < expected.Length; i++)
            Running.AssertClose(expected[i], actual[i], 1e-4);
    }

    [Fact]
    public void Types_that_files_cannot_name_are_refused()
    {
        var graph = new ModelGraph("types");
        graph.AddOutput(graph.AddOperation("Identity", "y", [graph.AddInput("x", DataType.UInt32, GraphShape.Of([2]))]));
        using var folder = new TemporaryFolder();
        var exception = Assert.Throws<UnsupportedModelException>(() => OpenVinoModel.Save(graph, folder["model.xml"]));
        Assert.Contains("u32", exception.Message);
        Assert.False(File.Exists(folder["model.xml"]));
    }

    [Theory]
    [InlineData(96, 64, true, 32)] // the format has no shorter last block: two blocks share a scale
    [InlineData(96, 64, false, 32)]
    [InlineData(96, 24, true, 24)]
    [InlineData(20, 64, false, 0)] // one block
    public void Weights_of_4_bits_keep_them_whatever_the_size_of_groups(int inputs, int group, bool transposed, int written)
    {
        const int Outputs = 120;
        var random = new Random(inputs);
        int blocks = (inputs + group - 1) / group;
        TensorData Codes(int rows)
        {
            byte[] bytes = new byte[rows * Outputs];
            random.NextBytes(bytes);
            return new TensorData(DataType.UInt4, transposed ? [Outputs, rows] : [rows, Outputs], Array.ConvertAll(bytes, b => (byte)(b & 15)));
        }

        var graph = new ModelGraph("groups");
        GraphValue x = graph.AddInput("x", DataType.Float32, GraphShape.Of([2, inputs]));
        TensorData scales = TensorData.Create<float>(
            [.. Enumerable.Range(1, blocks * Outputs).Select(i => i / 64f)], transposed ? [Outputs, blocks] : [blocks, Outputs]);
        GraphValue weights = graph.AddOperation("DequantizeLinear", "w",
            [graph.AddConstant("q", Codes(inputs)), graph.AddConstant("s", scales), graph.AddConstant("z", Codes(blocks))],
            new GraphAttributes { { "axis", transposed ? 1L : 0L }, { "block_size", (long)group } });
        graph.AddOutput(graph.AddOperation(
            "Gemm", "y", [x, weights], new GraphAttributes { { "transB", transposed ? 1L : 0L } }));
        using var folder = new TemporaryFolder();
        ModelGraph read = folder.RoundTrip(graph);
        // Half a byte for each weight, four and a half for scale and zero point of a block.
        int count = written > 0 ? inputs / written : 1;
        Assert.InRange(new FileInfo(folder["model.bin"]).Length, 1, (Outputs * ((inputs * 0.5) + (count * 4.5))) + 64);
        Assert.Equal(written, Assert.Single(read.Nodes, n => n.Is("DequantizeLinear")).Attributes.GetInteger("block_size"));
        using var engine = new ReferenceEngine();
        float[] input = [.. Enumerable.Range(0, 2 * inputs).Select(i => (i % 5) - 2f)];
        Running.AssertClose(Running.Run(engine, graph, input)[0], Running.Run(engine, read, input)[0], 1e-6);
        // Read and written again they still have 4 bits.
        long length = new FileInfo(folder["model.bin"]).Length;
        folder.RoundTrip(read);
        Assert.InRange(new FileInfo(folder["model.bin"]).Length, 1, length);
    }

    [Fact]
    public void A_free_batch_stays_free()
    {
        var graph = new ModelGraph("batch");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(GraphDimension.Named("N"), 3, 2));
        GraphValue flat = graph.AddOperation("Flatten", "flat", [x]);
        GraphValue w = graph.AddConstant("w", TensorData.Create<float>(Running.Random(24, 1), [6, 4]));
        graph.AddOutput(graph.AddOperation("Gemm", "y", [flat, w, graph.AddConstant("b", TensorData.Vector<float>(1, 2, 3, 4))]));
        using var folder = new TemporaryFolder();
        ModelGraph written = folder.RoundTrip(graph);
        Assert.Equal("?x3x2", written.Inputs[0].Shape!.ToString());
        using var engine = new ReferenceEngine();
        foreach (int batch in (int[])[1, 5])
        {
            float[] input = Running.Random(6 * batch, batch);
            Running.AssertClose(RunBatch(engine, graph, batch, input), RunBatch(engine, written, batch, input), 1e-6);
        }
    }

    [Fact]
    public void Operators_of_OpenVINO_survive_in_ONNX_files()
    {
        var graph = new ModelGraph("simulated");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(1, 9)), y = graph.AddValue("y");
        GraphValue low = graph.AddConstant("low", TensorData.Scalar(-1f)), high = graph.AddConstant("high", TensorData.Scalar(2f));
        graph.AddNode("FakeQuantize", [x, low, high, low, high], [y], new GraphAttributes { { "levels", 1000 } },
            domain: OperatorDomains.OpenVino);
        y.ElementType = DataType.Float32;
        graph.AddOutput(y);
        using var stream = new MemoryStream();
        OnnxModel.Save(graph, stream);
        using var engine = new ReferenceEngine();
        float[] input = Running.Random(9, 4, 3);
        Assert.Equal(Running.Run(engine, graph, input)[0], Running.Run(engine, OnnxModel.Load(stream.ToArray()), input)[0]);
    }

    [Fact]
    public void Equal_constants_are_one_layer_and_those_that_nothing_reads_are_left_out()
    {
        var graph = new ModelGraph("constants");
        GraphValue value = graph.AddInput("x", DataType.Float32, GraphShape.Of([1, 2, 3, 3]));
        for (int i = 0; i < 2; i++)
        {
            // The layer of a convolution has no bias: the constant is written as [1, 2, 1, 1] for an addition.
            value = graph.AddOperation("Conv", $"conv{i}",
            [
                value, graph.AddConstant($"w{i}", TensorData.Create<float>([1, 2, 3, 4], [2, 2, 1, 1])),
                graph.AddConstant($"b{i}", TensorData.Vector(0.5f, -0.5f)),
            ]);
        }

        graph.AddOutput(value);
        using var folder = new TemporaryFolder();
        float[] x = Running.Random(18, 5);
        using var engine = new ReferenceEngine();
        Assert.Equal(Running.Run(engine, graph, x)[0], Running.Run(engine, folder.RoundTrip(graph), x)[0]);
        XElement[] constants =
        [
            .. XDocument.Load(folder["model.xml"]).Root!.Element("layers")!.Elements("layer")
                .Where(l => (string?)l.Attribute("type") == "Const"),
        ];
        Assert.Equal(["2,2,1,1", "1,2,1,1"], constants.Select(c => (string?)c.Element("data")!.Attribute("shape")));
        Assert.Equal(4 * (4 + 2), new FileInfo(folder["model.bin"]).Length);
    }

    [Fact]
    public void What_has_no_form_is_refused_by_name_and_leaves_no_file()
    {
        var graph = new ModelGraph("strange");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(1, 3));
        graph.AddOutput(graph.AddOperation("Trilu", "y", [x]));
        using var folder = new TemporaryFolder();
        var exception = Assert.Throws<UnsupportedModelException>(() => OpenVinoModel.Save(graph, folder["model.xml"]));
        Assert.Contains("Trilu", exception.Message);
        Assert.Empty(Directory.GetFiles(folder.Folder));
    }

    private static float[] RunBatch(Engine engine, ModelGraph graph, int batch, float[] input)
    {
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest(batch);
        input.CopyTo(request.Input("x").AsSpan<float>());
        request.Run();
        return request.Output("y").AsSpan<float>().ToArray();
    }
}
