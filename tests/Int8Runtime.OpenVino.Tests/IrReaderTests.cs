// What the reader makes of layers whose form differs from ONNX.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;

namespace Int8Runtime.OpenVino.Tests;

public sealed class IrReaderTests
{
    private static readonly ReferenceEngine s_engine = new();

    [Fact]
    public void Four_bit_constants_are_unpacked_lower_half_first()
    {
        ModelGraph graph = new IrSketch().Parameter("x", "1,4")
            .Constant("w", "i4", "2,4", 0x21, 0x8F, 0x70, 0x3C)
            .Layer("f", "Convert", 1, "destination_type=\"f32\"", ["w"], "f32", [2, 4])
            .Layer("y", "MatMul", 1, "transpose_a=\"false\" transpose_b=\"true\"", ["x", "f"], "f32", [1, 2]).Result("y").Load();
        // rows 1, 2, −1, −8 and 0, 7, −4, 3
        Assert.Equal([1 + 4 - 3 - 32, 14 - 12 + 12], Running.Run(s_engine, graph, [1, 2, 3, 4])[0]);
    }

    [Theory]
    [InlineData("i4", 3, 5, false)] // 15 elements end within a byte
    [InlineData("i4", 3, 5, true)]
    [InlineData("u4", 3, 5, true)]
    [InlineData("u4", 1, 1, true)]
    [InlineData("u4", 4, 6, false)]
    public void Four_bit_constants_stay_four_bits_in_an_onnx_file(string type, int outputs, int inputs, bool hasZeroPoint)
    {
        byte[] codes = [.. Enumerable.Range(0, ((outputs * inputs) + 1) / 2).Select(i => (byte)((i * 91) + 0x5E))];
        IrSketch sketch = new IrSketch().Parameter("x", $"1,{inputs}")
            .Constant("w", type, $"{outputs},{inputs}", codes)
            .Layer("f", "Convert", 1, "destination_type=\"f32\"", ["w"], "f32", [outputs, inputs]);
        if (hasZeroPoint)
        {
            sketch = sketch.Constant("z", type, "1", 0x07).Layer("zf", "Convert", 1, "destination_type=\"f32\"", ["z"], "f32", [1])
                .Layer("s", "Subtract", 1, "", ["f", "zf"], "f32", [outputs, inputs]);
        }

        ModelGraph graph = sketch
            .Reals("a", $"{outputs},1", [.. Enumerable.Range(1, outputs).Select(n => 0.5f * n)])
            .Layer("m", "Multiply", 1, "", [hasZeroPoint ? "s" : "f", "a"], "f32", [outputs, inputs])
            .Layer("y", "MatMul", 1, "transpose_a=\"false\" transpose_b=\"true\"", ["x", "m"], "f32", [1, outputs]).Result("y").Load();
        using var stream = new MemoryStream();
        OnnxModel.Save(graph, stream);
        stream.Position = 0;
        ModelGraph read = OnnxModel.Load(stream);
        Assert.Equal(21, read.Provenance.OperatorSet);
        GraphNode before = Assert.Single(graph.Nodes, n => n.Is("DequantizeLinear")),
            after = Assert.Single(read.Nodes, n => n.Is("DequantizeLinear"));
        Assert.Equal(type == "i4" ? DataType.Int4 : DataType.UInt4, after.Input(0).ElementType);
        Assert.Equal(before.ConstantInput(0)!.ToInt32Array(), after.ConstantInput(0)!.ToInt32Array());
        Assert.Equal(before.Input(0).Name, after.Input(0).Name);
        Assert.Equal(hasZeroPoint ? after.Input(0).ElementType : DataType.Undefined, after.OptionalInput(2)?.ElementType ?? DataType.Undefined);
        float[] input = Running.Random(inputs, 3);
        float[] expected = Running.Run(s_engine, graph, input)[0];
        Assert.Equal(expected, Running.Run(s_engine, read, input)[0]);
        using CpuEngine engine = CpuEngine.Create();
        Running.AssertClose(expected, Running.Run(engine, read, input)[0], 1e-5);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Blocks_of_four_bit_weights_stay_integers_and_are_written_as_such(bool transposed)
    {
        byte[] codes = [.. Enumerable.Range(0, 3 * 8 / 2).Select(i => (byte)(i * 37))];
        IrSketch sketch = new IrSketch().Parameter("x", "1,8")
            .Constant("w", "u4", "3,2,4", codes).Layer("f", "Convert", 1, "destination_type=\"f32\"", ["w"], "f32", [3, 2, 4])
            .Constant("z", "u4", "3,2,1", 0x87, 0x46, 0x0F).Layer("zf", "Convert", 1, "destination_type=\"f32\"", ["z"], "f32", [3, 2, 1])
            .Layer("s", "Subtract", 1, "", ["f", "zf"], "f32", [3, 2, 4])
            .Reals("a", "3,2,1", 1, 2, 0.5f, 4, 0.25f, 1).Layer("m", "Multiply", 1, "", ["s", "a"], "f32", [3, 2, 4])
            .Constant("n", "i64", "2", [.. BitConverter.GetBytes(3L), .. BitConverter.GetBytes(8L)])
            .Layer("r", "Reshape", 1, "special_zero=\"false\"", ["m", "n"], "f32", [3, 8]);
        if (!transposed)
        {
            sketch = sketch.Constant("o", "i64", "2", [.. BitConverter.GetBytes(1L), .. BitConverter.GetBytes(0L)])
                .Layer("t", "Transpose", 1, "", ["r", "o"], "f32", [8, 3]);
        }

        ModelGraph graph = sketch
            .Layer("y", "MatMul", 1, $"transpose_a=\"false\" transpose_b=\"{(transposed ? "true" : "false")}\"",
                ["x", transposed ? "r" : "t"], "f32", [1, 3]).Result("y").Load();
        Assert.Equal(4, Assert.Single(graph.Nodes, n => n.Is("DequantizeLinear")).Attributes.GetInteger("block_size"));
        int[] zeros = [7, 8, 6, 4, 15, 0];
        float[] scales = [1, 2, 0.5f, 4, 0.25f, 1], input = [1, -2, 3, 4, 0.5f, 6, -7, 8];
        float[] expected = [.. Enumerable.Range(0, 3).Select(n => Enumerable.Range(0, 8).Sum(k =>
        {
            int i = (n * 8) + k, code = (codes[i / 2] >> (i % 2 * 4)) & 15;
            return input[k] * (code - zeros[i / 4]) * scales[i / 4];
        }))];
        Assert.Equal(expected, Running.Run(s_engine, graph, input)[0]);
        using var folder = new TemporaryFolder();
        ModelGraph written = folder.RoundTrip(graph);
        OnnxModel.Save(graph, folder["blocks.onnx"]);
        GraphNode onnx = Assert.Single(OnnxModel.Load(folder["blocks.onnx"]).Nodes, n => n.Is("DequantizeLinear"));
        Assert.Equal(4, onnx.Attributes.GetInteger("block_size"));
        Assert.Equal([DataType.UInt4, DataType.UInt4], new[] { onnx.Input(0).ElementType, onnx.Input(2).ElementType });
        Assert.Equal(expected, Running.Run(s_engine, OnnxModel.Load(folder["blocks.onnx"]), input)[0]);
        Assert.Equal(4, Assert.Single(written.Nodes, n => n.Is("DequantizeLinear")).Attributes.GetInteger("block_size"));
        Assert.Equal(expected, Running.Run(s_engine, written, input)[0]);
        using CpuEngine engine = CpuEngine.Create();
        Assert.Equal(expected, Running.Run(engine, written, input)[0]);
    }

    [Fact]
    public void Noise_in_zero_points_does_not_cost_the_integers()
    {
        ModelGraph graph = new IrSketch().Parameter("x", "1,2")
            .Constant("w", "i8", "2,2", 1, 0xFE, 3, 4)
            .Layer("f", "Convert", 1, "destination_type=\"f32\"", ["w"], "f32", [2, 2])
            .Reals("z", "2,1", 7.6e-6f, -3e-6f).Layer("s", "Subtract", 1, "", ["f", "z"], "f32", [2, 2])
            .Reals("a", "2,1", 0.5f, 0.25f).Layer("m", "Multiply", 1, "", ["s", "a"], "f32", [2, 2])
            .Layer("y", "MatMul", 1, "transpose_b=\"true\"", ["x", "m"], "f32", [1, 2]).Result("y").Load();
        GraphNode dequantize = Assert.Single(graph.Nodes, n => n.Is("DequantizeLinear"));
        Assert.Null(dequantize.OptionalInput(2));
        Assert.Equal([0.5f - 2, (0.75f + 2)], Running.Run(s_engine, graph, [1, 2])[0]);
    }

    [Fact]
    public void Scales_of_grouped_weights_follow_the_reshape()
    {
        ModelGraph graph = new IrSketch().Parameter("x", "1,2,1,1")
            .Constant("w", "i8", "2,2,1,1,1", 1, 2, 3, 4)
            .Layer("f", "Convert", 1, "destination_type=\"f32\"", ["w"], "f32", [2, 2, 1, 1, 1])
            .Reals("a", "2,1,1,1,1", 1, 10).Layer("m", "Multiply", 1, "", ["f", "a"], "f32", [2, 2, 1, 1, 1])
            .Layer("y", "GroupConvolution", 1, "strides=\"1,1\" dilations=\"1,1\" pads_begin=\"0,0\" pads_end=\"0,0\"",
                ["x", "m"], "f32", [1, 4, 1, 1])
            .Result("y").Load();
        Assert.Equal([4], graph.Nodes.Single(n => n.Is("DequantizeLinear")).ConstantInput(1)!.Shape.ToArray());
        Assert.Equal([1, 2, 60, 80], Running.Run(s_engine, graph, [1, 2])[0]);
    }

    [Fact]
    public void Halves_are_rounded_away_from_zero_and_nothing_else()
    {
        ModelGraph graph = new IrSketch().Parameter("x", "1,8")
            .Layer("y", "Round", 5, "mode=\"half_away_from_zero\"", ["x"], "f32", [1, 8]).Result("y").Load();
        float[] x = [0.5f, -1.5f, 2.5f, MathF.BitDecrement(0.5f), -MathF.BitDecrement(0.5f), 8388609, -2.4f, float.PositiveInfinity];
        Assert.Equal([1, -2, 3, 0, 0, 8388609, -2, float.PositiveInfinity], Running.Run(s_engine, graph, x)[0]);
    }

    [Fact]
    public void Masks_of_strided_slices_are_obeyed()
    {
        ModelGraph graph = new IrSketch().Parameter("x", "2,3,4")
            .Longs("b", "4", 1, 5, 7, 1).Longs("e", "4", 2, 9, 9, -1).Longs("s", "4", 1, 1, 1, 2)
            .Layer("y", "StridedSlice", 1,
                "begin_mask=\"0,1,0,0\" end_mask=\"0,1,0,0\" new_axis_mask=\"0,0,1,0\" shrink_axis_mask=\"1,0,0,0\" ellipsis_mask=\"0\"",
                ["x", "b", "e", "s"], "f32", [3, 1, 1]).Result("y").Load();
        float[] x = [.. Enumerable.Range(0, 24).Select(i => (float)i)];
        Assert.Equal([13, 17, 21], Running.Run(s_engine, graph, x)[0]);
    }

    [Fact]
    public void Reorganization_of_Darknet_is_its_own()
    {
        ModelGraph graph = new IrSketch().Parameter("x", "1,4,2,2")
            .Layer("y", "ReorgYolo", 2, "stride=\"2\"", ["x"], "f32", [1, 16, 1, 1]).Result("y").Load();
        float[] x = [.. Enumerable.Range(0, 16).Select(i => (float)i)];
        // Darknet's loop: element (c, h, w) of the result's memory is element (c mod C/s², h·s + (c div C/s²) div s, w·s + … mod
        // s) of [C/s², H·s, W·s].
        var expected = new float[16];
        for (int c = 0; c < 4; c++)
        {
            for (int h = 0; h < 2; h++)
            {
                for (int w = 0; w < 2; w++)
                    expected[(c * 4) + (h * 2) + w] = x[(((h * 2) + (c / 2)) * 4) + (w * 2) + (c % 2)];
            }
        }

        Assert.Equal(expected, Running.Run(s_engine, graph, x)[0]);
    }

    [Fact]
    public void Shuffled_channels_change_places()
    {
        ModelGraph graph = new IrSketch().Parameter("x", "1,6,1,1")
            .Layer("y", "ShuffleChannels", 3, "axis=\"1\" group=\"2\"", ["x"], "f32", [1, 6, 1, 1]).Result("y").Load();
        Assert.Equal([0, 3, 1, 4, 2, 5], Running.Run(s_engine, graph, [0, 1, 2, 3, 4, 5])[0]);
    }

    [Fact]
    public void Integer_quotients_are_rounded_down()
    {
        ModelGraph graph = new IrSketch().Parameter("x", "3", "i64").Longs("d", "", 2)
            .Layer("q", "Divide", 1, "m_pythondiv=\"true\"", ["x", "d"], "i64", [3])
            .Layer("y", "Convert", 1, "destination_type=\"f32\"", ["q"], "f32", [3]).Result("y").Load();
        using CompiledModel model = s_engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        ((long[])[-3, 3, 4]).CopyTo(request.Input("x").AsSpan<long>());
        request.Run();
        Assert.Equal([-2, 1, 2], request.Output("y").AsSpan<float>().ToArray());
    }

    [Fact]
    public void Bags_are_summed()
    {
        ModelGraph graph = new IrSketch().Parameter("t", "3,2").Longs("i", "4", 0, 2, 2, 1).Longs("o", "3", 0, 2, 2).Longs("d", "", 1)
            .Reals("w", "4", 1, 2, 3, 4)
            .Layer("y", "EmbeddingBagOffsetsSum", 3, "", ["t", "i", "o", "d", "w"], "f32", [3, 2]).Result("y").Load();
        Assert.Equal([1 + 10, 2 + 12, 3, 4, 15 + 12, 18 + 16], Running.Run(s_engine, graph, [1, 2, 3, 4, 5, 6])[0]);
    }

    [Fact]
    public void Half_precision_constants_and_parameters_of_version_10_become_f32()
    {
        ModelGraph graph = new IrSketch(10).Parameter("x", "1,2", "f16").Constant("c", "f16", "1,2", 0x00, 0x3C, 0x00, 0xC0)
            .Layer("y", "Add", 1, "", ["x", "c"], "f16", [1, 2]).Result("y").Load();
        Assert.Equal(DataType.Float32, graph.Inputs[0].ElementType);
        Assert.Equal([2, 0], Running.Run(s_engine, graph, [1, 2])[0]);
    }

    [Fact]
    public void Outputs_have_the_name_of_the_layer_that_feeds_the_result()
    {
        ModelGraph graph = new IrSketch().Parameter("x", "1,4").Longs("axis", "", 1)
            .Layer("s", "Split", 1, "num_splits=\"2\"", ["x", "axis"], "f32", [1, 2], [1, 2])
            .Layer("r", "ReLU", 1, "", ["s:1"], "f32", [1, 2]).Result("r").Result("s:0").Load();
        Assert.Equal(["r", "s.0"], graph.Outputs.Select(o => o.Name));
        Assert.Equal([0, 4], Running.Run(s_engine, graph, [1, 2, -3, 4])[0]);
    }
}
