// Loops over planned memory: as the portable evaluator computes, without allocation.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.TestKit;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class HostKernelTests
{
    [Theory]
    [InlineData(0, DataType.Int64)]
    [InlineData(1, DataType.Int64)]
    [InlineData(2, DataType.Int32)]
    public void Gather_copies_rows(int axis, DataType indexType)
    {
        var graph = new ModelGraph("gather");
        GraphValue table = graph.AddInput("table", DataType.Float32, new GraphShape(3, 4, 5));
        GraphValue indices = graph.AddInput("indices", indexType, new GraphShape(2, 2));
        graph.AddOutput(graph.AddOperation("Gather", "rows", [table, indices], new GraphAttributes { { "axis", axis } }));
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        TensorData source = TensorData.Create<float>([.. Enumerable.Range(0, 60).Select(i => (float)i)], [3, 4, 5]);
        TensorData picks = TensorData.Create<long>([0, -1, 2, 1], [2, 2]);
        source.AsSpan<float>().CopyTo(request.Input("table").AsSpan<float>());
        Write([0, -1, 2, 1]);
        request.Run();
        TensorData expected = HostEvaluator.Evaluate(graph.Nodes[0], [source, picks])[0];
        Assert.Equal(expected.Shape, request.Output().Descriptor.Dimensions);
        Assert.Equal(expected.AsSpan<float>().ToArray(), request.Output().AsSpan<float>().ToArray());
        Assert.Equal("gather", Assert.Single(model.Explain().Nodes).Implementation);
        AssertNoAllocation(request);

        Write([0, 5, 0, 0]);
        Assert.Contains("index 5 is out of range", Assert.Throws<ModelFormatException>(request.Run).Message, StringComparison.Ordinal);

        void Write(long[] values)
        {
            if (indexType == DataType.Int64)
                values.CopyTo(request.Input("indices").AsSpan<long>());
            else
                Array.ConvertAll(values, v => (int)v).CopyTo(request.Input("indices").AsSpan<int>());
        }
    }

    [Theory]
    [InlineData("PRelu", DataType.Float32, DataType.Float16, null, "Float32 and Float16 differ")]
    [InlineData("ScatterElements", DataType.Float32, DataType.Int64, DataType.Int32, "Float32 and Int32 differ")]
    [InlineData("ScatterND", DataType.Float32, DataType.Int64, DataType.Int32, "Float32 and Int32 differ")]
    [InlineData("ScatterElements", DataType.Float32, DataType.Float32, DataType.Float32, "indices are Float32")]
    [InlineData("Where", DataType.Int64, DataType.Float32, DataType.Float32, "condition is Int64")]
    [InlineData("Not", DataType.Int64, null, null, "operand is Int64")]
    [InlineData("Clip", DataType.Int32, DataType.Float32, null, "Int32 and Float32 differ")]
    public void Operands_of_wrong_types_are_refused(string opType, DataType first, DataType? second, DataType? third, string message)
    {
        var graph = new ModelGraph("types");
        DataType[] types = [.. ((DataType?[])[first, second, third]).OfType<DataType>()];
        GraphValue[] inputs = [.. types.Select((type, i) => graph.AddInput($"x{i}", type, new GraphShape(2, 2)))];
        graph.AddOutput(graph.AddOperation(opType, "y", inputs));
        using CpuEngine engine = CpuEngine.Create();
        string refusal = Assert.Throws<ModelFormatException>(() => engine.Compile(graph)).Message;
        Assert.Contains($"'y' ({opType})", refusal, StringComparison.Ordinal);
        Assert.Contains(message, refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PRelu", new[] { 2, 3 }, new[] { 2, 1, 1 }, null)]
    [InlineData("Clip", new[] { 2, 3 }, new[] { 0 }, null)]
    [InlineData("Clip", new[] { 2, 3 }, new[] { 3 }, null)]
    [InlineData("GatherElements", new[] { 2, 3 }, new[] { 2, 5 }, null)]
    [InlineData("ScatterElements", new[] { 2, 3 }, new[] { 2, 2 }, new[] { 2, 1 })]
    [InlineData("ScatterElements", new[] { 2, 3 }, new[] { 2, 5 }, new[] { 2, 5 })]
    [InlineData("ScatterElements", new[] { 2, 3 }, new[] { 2 }, new[] { 2 })]
    [InlineData("ScatterND", new[] { 2, 3 }, new[] { 4, 3 }, new[] { 4 })]
    [InlineData("ScatterND", new[] { 2, 3 }, new[] { 4, 1 }, new[] { 4 })]
    public void Operands_of_wrong_shapes_are_refused(string opType, int[] source, int[] second, int[]? third)
    {
        var graph = new ModelGraph("shapes");
        List<GraphValue> inputs = [graph.AddInput("x", DataType.Float32, GraphShape.Of(source))];
        inputs.Add(graph.AddInput("i", opType is "PRelu" or "Clip" ? DataType.Float32 : DataType.Int64, GraphShape.Of(second)));
        if (third is not null)
            inputs.Add(graph.AddInput("u", DataType.Float32, GraphShape.Of(third)));
        graph.AddOutput(graph.AddOperation(opType, "y", [.. inputs]));
        using CpuEngine engine = CpuEngine.Create();
        Assert.Contains($"'y' ({opType})", Assert.Throws<ModelFormatException>(() => engine.Compile(graph)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Integers_are_padded_with_every_bit_of_the_number()
    {
        var graph = new ModelGraph("pad");
        GraphValue x = graph.AddInput("x", DataType.Int32, new GraphShape(1, 2));
        GraphValue pads = graph.AddConstant("pads", TensorData.Vector<long>(0, 1, 0, 1)),
            value = graph.AddConstant("v", TensorData.Scalar(123_456_789));
        graph.AddOutput(graph.AddOperation("Pad", "y", [x, pads, value]));
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        request.Run();
        Assert.Equal([123_456_789, 0, 0, 123_456_789], request.Output().AsSpan<int>().ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(64)]
    [InlineData(197)]
    public void Dynamic_quantization_gives_what_the_operator_says(int length)
    {
        var graph = new ModelGraph("dynamic");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(length));
        GraphValue[] results = [graph.AddValue("q"), graph.AddValue("scale"), graph.AddValue("zero")];
        graph.AddNode("DynamicQuantizeLinear", [x], results);
        foreach (GraphValue result in results)
            graph.AddOutput(result);
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        var random = new Random(length);
        foreach ((float low, float high) in new[] { (-3f, 2f), (0.5f, 4f), (-7f, -1f), (0f, 0f) })
        {
            float[] values = [.. Enumerable.Range(0, length).Select(_ => low + ((high - low) * random.NextSingle()))];
            values.CopyTo(request.Input().AsSpan<float>());
            request.Run();
            TensorData[] expected = HostEvaluator.Evaluate(graph.Nodes[0], [TensorData.Vector<float>(values)]);
            Assert.Equal(expected[0].AsSpan<byte>().ToArray(), request.Output("q").AsSpan<byte>().ToArray());
            Assert.Equal(expected[1].AsSpan<float>()[0], request.Output("scale").AsSpan<float>()[0]);
            Assert.Equal(expected[2].AsSpan<byte>()[0], request.Output("zero").AsSpan<byte>()[0]);
        }

        AssertNoAllocation(request);
    }

    [Theory]
    [InlineData("Add", DataType.Int64)]
    [InlineData("Max", DataType.Int32)]
    [InlineData("Less", DataType.Int64)]
    [InlineData("Equal", DataType.Int32)]
    [InlineData("Xor", DataType.Boolean)]
    public void Functions_of_two_broadcast_operands(string opType, DataType type)
    {
        foreach ((Shape left, Shape right) in new (Shape, Shape)[] { ([2, 3, 4], [4]), ([2, 1, 4], [1, 3, 1]),
            ([3, 1], [2, 1, 5]), ([1], [1]), ([2, 3], [2, 3]) })
            AssertEqual(opType, [Integers(type, left, 1), Integers(type, right, 2)]);
    }

    [Theory]
    [InlineData("Div", DataType.Int64)]
    [InlineData("Mod", DataType.Int64)]
    [InlineData("Mod", DataType.Int32)]
    public void Division_by_constants(string opType, DataType type) => AssertEqual(
        opType, [Integers(type, [4, 3], 1)], null, TensorData.Vector(3L, -4, 7).ConvertTo(type));

    [Fact]
    public void Selection_and_negation()
    {
        AssertEqual("Where",
            [Integers(DataType.Boolean, [3, 1], 1), Integers(DataType.Int64, [2, 1, 4], 2), Integers(DataType.Int64, [4], 3)]);
        AssertEqual("Not", [Integers(DataType.Boolean, [7], 1)]);
    }

    [Theory]
    [InlineData("ArgMax", 1, false)]
    [InlineData("ArgMin", 0, true)]
    [InlineData("ArgMax", 2, true)]
    public void Places_of_extremes(string opType, int axis, bool last) => AssertEqual(
        opType, [Integers(DataType.Int32, [3, 4, 5], 4)], new GraphAttributes { { "axis", axis }, { "select_last_index", last } });

    [Fact]
    public void Movement_of_indices()
    {
        TensorData source = Integers(DataType.Int64, [2, 3, 4], 6);
        AssertEqual("Transpose", [source], new GraphAttributes { { "perm", new[] { 2, 0, 1 } } });
        AssertEqual("Flatten", [source]);
        AssertEqual("Expand", [Integers(DataType.Int64, [3, 1], 6)], null, TensorData.Vector(2L, 1, 4));
        AssertEqual("Slice", [source], null, TensorData.Vector(-1L, 0), TensorData.Vector(-9L, 9), TensorData.Vector(1L, 2),
            TensorData.Vector(-1L, 2));
        AssertEqual("Slice", [TensorData.Vector(1f, 2, 3, 4)], null, TensorData.Vector(3L), TensorData.Vector(-9L),
            TensorData.Vector(0L), TensorData.Vector(-2L));
    }

    [Theory]
    [InlineData("DepthToSpace", "DCR")]
    [InlineData("DepthToSpace", "CRD")]
    [InlineData("SpaceToDepth", null)]
    public void Blocks_of_pixels_move_by_generated_copies(string opType, string? mode)
    {
        var attributes = new GraphAttributes { { "blocksize", 2 } };
        if (mode is not null)
            attributes.Add("mode", mode);
        float[] values = [.. Enumerable.Range(0, 2 * 8 * 4 * 6).Select(i => (float)i)];
        var graph = new ModelGraph("blocks");
        graph.AddOutput(graph.AddOperation(opType, "y", [graph.AddInput("x", DataType.Float32, new GraphShape(2, 8, 4, 6))], attributes));
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(graph);
        Assert.DoesNotContain(model.Explain().Nodes, n => n.IsSlow);
        using InferenceRequest request = model.CreateRequest();
        values.CopyTo(request.Input().AsSpan<float>());
        request.Run();
        TensorData expected = HostEvaluator.Evaluate(graph.Nodes[0], [TensorData.Create<float>(values, [2, 8, 4, 6])])[0];
        Assert.Equal(expected.AsSpan<float>().ToArray(), request.Output().AsSpan<float>().ToArray());
    }

    [Theory]
    [InlineData(DataType.Int64, DataType.Float32)]
    [InlineData(DataType.Int64, DataType.Int8)]
    [InlineData(DataType.Float32, DataType.UInt8)]
    [InlineData(DataType.Float32, DataType.Int32)]
    [InlineData(DataType.Int32, DataType.Boolean)]
    [InlineData(DataType.Boolean, DataType.Int64)]
    public void Casts(DataType from, DataType to)
    {
        TensorData source = from == DataType.Float32
            ? TensorData.Vector(0.5f, -1.5f, 3e10f, -3e10f, float.NaN, 254.9f)
            : Integers(from, [2, 9], 5);
        AssertEqual("Cast", [source], new GraphAttributes { { "to", ElementTypeCodes.ToCode(to) } });
    }

    [Theory]
    [InlineData(DataType.Int64)]
    [InlineData(DataType.Float32)]
    [InlineData(DataType.UInt8)]
    public void Tiles_and_running_sums(DataType type)
    {
        TensorData source = Integers(type, [2, 3, 4], 3);
        AssertEqual("Tile", [source], null, TensorData.Vector(2L, 1, 3));
        AssertEqual("Tile", [source], null, TensorData.Vector(1L, 4, 1));
        foreach (bool exclusive in (bool[])[false, true])
            foreach (bool reverse in (bool[])[false, true])
                foreach (long axis in (long[])[0, 1, -1])
                    AssertEqual(
                        "CumSum", [source], new GraphAttributes { { "exclusive", exclusive ? 1 : 0 },
                            { "reverse", reverse ? 1 : 0 } }, TensorData.Vector(axis));
    }

    [Theory]
    [InlineData(DataType.Int64)]
    [InlineData(DataType.Int32)]
    public void Elements_at_indices(DataType indexType)
    {
        TensorData data = Integers(DataType.Float32, [3, 4, 5], 8);
        TensorData Picks(Shape shape, params long[] values) => TensorData.Create<long>(values, shape).ConvertTo(indexType);
        AssertEqual("GatherND", [data, Picks([2, 2], 0, -1, 2, 1)]);
        AssertEqual("GatherND", [data, Picks([3, 1, 1], 3, 0, -2)], new GraphAttributes { { "batch_dims", 1 } });
        AssertEqual("GatherND", [data, Picks([2, 3], 0, 0, 4, 2, 3, -5)]);
        AssertEqual("GatherElements", [data, Picks([3, 1, 2], 3, 0, -1, 1, 2, 2)], new GraphAttributes { { "axis", 1 } });
        AssertEqual("OneHot", [Picks([2, 3], 0, 5, -1, 2, -6, 1)], new GraphAttributes { { "axis", 1 } }, TensorData.Vector(5L),
            TensorData.Vector(0.5f, 2f));
        AssertEqual("OneHot", [Picks([4], 0, 1, 2, 3)], null, TensorData.Vector(3L), TensorData.Vector((byte)7, (byte)9));
        foreach (string reduction in (string[])["none", "add", "mul", "max", "min"])
        {
            var attributes = new GraphAttributes { { "reduction", reduction } };
            AssertEqual("ScatterND", [data, Picks([2, 1], 2, -3), Integers(DataType.Float32, [2, 4, 5], 9)], attributes);
            attributes = new GraphAttributes { { "reduction", reduction }, { "axis", -1 } };
            AssertEqual("ScatterElements",
                [data, Picks([2, 2, 2], 0, 4, 1, -1, 2, 0, 3, 1), Integers(DataType.Float32, [2, 2, 2], 9)], attributes);
        }

        Assert.Throws<ModelFormatException>(() => AssertEqual("GatherND", [data, Picks([1, 1], 3)]));
        Assert.Throws<ModelFormatException>(() =>
            AssertEqual("ScatterElements", [data, Picks([1, 1, 1], 5), Integers(DataType.Float32, [1, 1, 1], 9)],
                new GraphAttributes { { "axis", 2 } }));
    }

    [Theory]
    [InlineData(DataType.Float32, 0, true)]
    [InlineData(DataType.Int32, 1, false)]
    [InlineData(DataType.UInt8, -1, true)]
    [InlineData(DataType.Float16, 1, true)]
    [InlineData(DataType.BFloat16, 2, false)]
    public void Largest_and_smallest_elements(DataType type, int axis, bool largest)
    {
        TensorData source = Integers(type, [6, 9, 7], 5);
        if (type is DataType.Float32 or DataType.Float16 or DataType.BFloat16)
        {
            float[] values = source.ToSingleArray();
            (values[3], values[70], values[71]) = (float.NaN, float.NegativeInfinity, float.NaN);
            source = TensorData.Create<float>(values, source.Shape).ConvertTo(type);
        }

        foreach (long count in (long[])[1, 3, 6])
        {
            var graph = new ModelGraph("kernel");
            GraphValue[] results = [graph.AddValue("values"), graph.AddValue("indices")];
            GraphValue x = graph.AddInput("x", type, GraphShape.Of(source.Shape));
            graph.AddNode(
                "TopK", [x, graph.AddConstant("k", TensorData.Vector(count))], results,
                new GraphAttributes { { "axis", axis }, { "largest", largest ? 1 : 0 } });
            Array.ForEach(results, graph.AddOutput);
            using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
            using CompiledModel model = engine.Compile(graph);
            Assert.Equal("top-k", Assert.Single(model.Explain().Nodes).Implementation);
            using InferenceRequest request = model.CreateRequest();
            source.Bytes.Span.CopyTo(Bytes(request.Input()));
            request.Run();
            TensorData[] expected = HostEvaluator.Evaluate(graph.Nodes[0], [source, TensorData.Vector(count)]);
            Assert.Equal(expected[1].AsSpan<long>().ToArray(), request.Output("indices").AsSpan<long>().ToArray());
            Assert.Equal(expected[0].Bytes.ToArray(), Bytes(request.Output("values")).ToArray());
            AssertNoAllocation(request);
        }
    }

    [Theory]
    [InlineData(0, DataType.Int64)]
    [InlineData(1, DataType.Boolean)]
    [InlineData(-1, DataType.Int64)]
    public void Integers_and_Booleans_side_by_side(int axis, DataType type)
    {
        Shape[] shapes = [.. ((int[])[2, 0, 3]).Select(extent => ((Shape)new[] { 2, 3, 4 }).With(axis < 0 ? axis + 3 : axis, extent))];
        AssertEqual("Concat", [Integers(type, shapes[0], 1), Integers(type, shapes[2], 2)], new GraphAttributes { { "axis", axis } },
            Integers(type, shapes[0], 3), Integers(type, shapes[1], 4));
    }

    private static TensorData Integers(DataType type, Shape shape, int seed)
    {
        var random = new Random(seed);
        long limit = type == DataType.Boolean ? 2 : type == DataType.Int64 ? 3_000_000_000 : 5;
        return TensorData.Create<long>([.. Enumerable.Range(0, (int)shape.ElementCount)
            .Select(_ => random.NextInt64(type == DataType.Boolean ? 0 : -limit, limit))], shape)
            .ConvertTo(type);
    }

    // A model of one node runs on a kernel, gives what the portable evaluator gives, and allocates nothing.
    private static void AssertEqual(string opType, TensorData[] operands, GraphAttributes? attributes = null,
        params TensorData[] parameters)
    {
        var graph = new ModelGraph("kernel");
        GraphValue[] inputs =
        [
            .. operands.Select((o, i) => graph.AddInput($"x{i}", o.ElementType, GraphShape.Of(o.Shape))),
            .. parameters.Select(p => graph.AddConstant("parameter", p)),
        ];
        graph.AddOutput(graph.AddOperation(opType, "y", inputs, attributes));
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(graph);
        Assert.NotEqual("host", Assert.Single(model.Explain().Nodes).Implementation);
        using InferenceRequest request = model.CreateRequest();
        for (int i = 0; i < operands.Length; i++)
            operands[i].Bytes.Span.CopyTo(Bytes(request.Input($"x{i}")));
        request.Run();
        TensorData expected = HostEvaluator.Evaluate(graph.Nodes[0], [.. operands, .. parameters])[0];
        Assert.Equal(expected.Bytes.ToArray(), Bytes(request.Output()).ToArray());
        AssertNoAllocation(request);
    }

    private static Span<byte> Bytes(TensorMemory memory) => Int8Runtime.Graph.Planning.HostMemory.Bytes(memory);

    private static void AssertNoAllocation(InferenceRequest request)
    {
        for (int i = 0; i < 50; i++)
            request.Run();
        Assert.Equal(0, Allocations.Fewest(() => request.Run()));
    }
}
