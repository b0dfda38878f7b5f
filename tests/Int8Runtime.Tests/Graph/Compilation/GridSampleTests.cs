// GridSample against its definition, dimension by dimension in f64, and its kernel between layers with channels last.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.TestKit;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class GridSampleTests
{
    private static readonly string[] Modes = ["nearest", "linear", "cubic"], Paddings = ["zeros", "border", "reflection"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Points_inside_and_outside_in_every_mode(int dimensions)
    {
        int[] extents = ((int[])[5, 4, 3])[..dimensions], points = ((int[])[3, 4, 2])[..dimensions];
        foreach (int channels in (int[])[1, 3, 21])
        {
            foreach (string mode in Modes)
            {
                foreach (string padding in Paddings)
                {
                    foreach (bool aligns in (bool[])[false, true])
                    {
                        int[] shape = [2, channels, .. extents];
                        var attributes = new GraphAttributes { { "mode", mode }, { "padding_mode", padding }, { "align_corners", aligns ? 1 : 0 } };
                        TensorData source = Reals(shape, 1, seed: channels), grid = Reals([2, .. points, dimensions], 2.6, seed: 7);
                        Check(source, grid, attributes, Expected(source, grid, mode, padding, aligns));
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData("zeros")]
    [InlineData("border")]
    [InlineData("reflection")]
    public void A_source_of_one_pixel_and_points_that_are_no_numbers(string padding)
    {
        float[] points = [0, 0, float.NaN, 0.5f, float.PositiveInfinity, 0, float.NegativeInfinity, 1e30f, -1e30f, 3];
        foreach (string mode in Modes)
        {
            foreach (bool aligns in (bool[])[false, true])
            {
                GraphNode node = Node(
                    new GraphAttributes { { "mode", mode }, { "padding_mode", padding }, { "align_corners", aligns ? 1 : 0 } }, out _);
                TensorData result = HostEvaluator.Evaluate(
                    node, [TensorData.Create<float>([5f], [1, 1, 1, 1]), TensorData.Create<float>(points, [1, 1, 5, 2])])[0];
                Assert.Equal(5f, result.AsSpan<float>()[0], 1e-5f);   // the centre of the only pixel
            }
        }
    }

    [Fact]
    public void Integers_and_doubles_are_sampled_by_the_portable_evaluator()
    {
        GraphNode node = Node(new GraphAttributes { { "mode", "linear" }, { "padding_mode", "border" } }, out _);
        TensorData grid = TensorData.Create<float>([0, -1], [1, 1, 1, 2]);
        foreach (DataType type in (DataType[])[DataType.Float64, DataType.Int32])
        {
            TensorData source = TensorData.Create<double>([10, 20, 30, 40], [1, 1, 2, 2]).ConvertTo(type);
            Assert.Equal([15.0], HostEvaluator.Evaluate(node, [source, grid])[0].ToDoubleArray());
        }
    }

    [Fact]
    public void A_constant_grid_is_read_in_place()
    {
        TensorData source = Reals([1, 5, 6, 4], 1, seed: 2), points = Reals([1, 3, 3, 2], 1.2, seed: 3);
        var graph = new ModelGraph("constant");
        GraphValue x = graph.AddInput("x", DataType.Float32, GraphShape.Of(source.Shape));
        graph.AddOutput(graph.AddOperation("GridSample", "y", [x, graph.AddConstant("grid", points)]));
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        source.AsSpan<float>().CopyTo(request.Input().AsSpan<float>());
        request.Run();
        AssertClose(Expected(source, points, "linear", "zeros", aligns: false), request.Output().AsSpan<float>().ToArray(), "constant grid");
    }

    [Fact]
    public void Runs_allocate_nothing()
    {
        Node(new GraphAttributes { { "mode", "cubic" } }, out ModelGraph graph, [1, 40, 20, 20], [1, 30, 30, 2]);
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 2 });
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        for (int i = 0; i < 50; i++)
            request.Run();
        Assert.Equal(0, Allocations.Fewest(() => request.Run()));
    }

    [Fact]
    public void Between_convolutions_nothing_is_reordered()
    {
        var graph = new ModelGraph("sampled");
        GraphValue x = graph.AddInput("x", DataType.Float32, new GraphShape(2, 8, 9, 7));
        GraphValue grid = graph.AddInput("grid", DataType.Float32, new GraphShape(2, 6, 5, 2));
        GraphValue before = graph.AddOperation("Conv", "before", [x, Weights(graph, 16, 8)]);
        GraphValue sampled = graph.AddOperation("GridSample", "sampled", [before, grid], new GraphAttributes { { "mode", "linear" } });

        // What is sampled, and the sample, are parts of wider tensors.
        GraphValue[] halves = [graph.AddValue("low", DataType.Float32), graph.AddValue("high", DataType.Float32)];
        graph.AddNode("Split", [before, graph.AddConstant("sizes", TensorData.Vector(6L, 10))], halves, new GraphAttributes { { "axis", 1 } });
        GraphValue part = graph.AddOperation("GridSample", "part", [halves[1], grid], new GraphAttributes { { "mode", "cubic" } });
        GraphValue joined = graph.AddOperation("Concat", "joined", [sampled, part], new GraphAttributes { { "axis", 1 } });
        graph.AddOutput(graph.AddOperation("Conv", "after", [joined, Weights(graph, 4, 26)]));

        using CpuEngine engine = CpuEngine.Create(new() { Threads = 2 });
        using CompiledModel model = engine.Compile(graph);
        ModelExplanation explanation = model.Explain();
        Assert.Equal(2, explanation.Nodes.Count(n => n.Implementation == "grid-sample" && !n.IsSlow));
        Assert.Equal(2, explanation.Reorders);   // the input and the output of the model
        using InferenceRequest request = model.CreateRequest();
        float[] actual = Runner.Run(request);
        Runner.AssertClose(Evaluated(graph, request), actual, 1e-4f);
    }

    // Node by node on the portable evaluator, convolutions of one pixel as products.
    private static float[] Evaluated(ModelGraph graph, InferenceRequest request)
    {
        var contents = graph.Inputs.ToDictionary(i => i, i => TensorData.Create<float>(
            request.Input(i.Name).AsSpan<float>().ToArray(), request.Input(i.Name).Descriptor.Dimensions));
        foreach (GraphNode node in graph.Nodes)
        {
            TensorData?[] operands = [.. node.Inputs.Select(v => v!.Constant ?? contents[v])];
            TensorData[] results = node.Is("Conv") ? [Pointwise(operands[0]!, operands[1]!)] : HostEvaluator.Evaluate(node, operands);
            for (int i = 0; i < node.Outputs.Count; i++)
                contents[node.Outputs[i]] = results[i];
        }

        return contents[graph.Outputs[0]].ToSingleArray();
    }

    private static TensorData Pointwise(TensorData source, TensorData weights)
    {
        (int images, int from, int to) = (source.Shape[0], source.Shape[1], weights.Shape[0]);
        int plane = source.ElementCount / images / from;
        float[] x = source.ToSingleArray(), w = weights.ToSingleArray(), y = new float[images * to * plane];
        for (int i = 0; i < y.Length; i++)
            for (int c = 0; c < from; c++)
                y[i] += w[(i / plane % to * from) + c] * x[(((i / plane / to * from) + c) * plane) + (i % plane)];
        return TensorData.Create<float>(y, [images, to, .. source.Shape[2..]]);
    }

    private static GraphValue Weights(ModelGraph graph, int to, int from) => graph.AddConstant("w", Reals([to, from, 1, 1], 1, seed: to));

    private static GraphNode Node(GraphAttributes attributes, out ModelGraph graph, Shape? source = null, Shape? grid = null)
    {
        graph = new ModelGraph("grid");
        GraphValue x = graph.AddInput("x", DataType.Float32, GraphShape.Of(source ?? [1, 1, 1, 1]));
        graph.AddOutput(graph.AddOperation(
            "GridSample", "y", [x, graph.AddInput("grid", DataType.Float32, GraphShape.Of(grid ?? [1, 1, 1, 2]))], attributes));
        return graph.Nodes[0];
    }

    // The kernel on one thread and on two, and the portable evaluator.
    private static void Check(TensorData source, TensorData grid, GraphAttributes attributes, double[] expected)
    {
        GraphNode node = Node(attributes, out ModelGraph graph, source.Shape, grid.Shape);
        string what = string.Join(", ", attributes.Select(a => $"{a.Key} {a.Value}")) + $", {source.Shape}";
        AssertClose(expected, HostEvaluator.Evaluate(node, [source, grid])[0].ToSingleArray(), what);
        foreach (int threads in (int[])[1, 2])
        {
            using CpuEngine engine = CpuEngine.Create(new() { Threads = threads });
            using CompiledModel model = engine.Compile(graph);
            using InferenceRequest request = model.CreateRequest();
            source.AsSpan<float>().CopyTo(request.Input("x").AsSpan<float>());
            grid.AsSpan<float>().CopyTo(request.Input("grid").AsSpan<float>());
            request.Run();
            AssertClose(expected, request.Output().AsSpan<float>().ToArray(), what);
        }
    }

    private static void AssertClose(double[] expected, float[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) < 1e-4, $"{what}, element {i}: {expected[i]} and {actual[i]}");
    }

    private static double[] Expected(TensorData source, TensorData grid, string mode, string padding, bool aligns)
    {
        int dimensions = source.Rank - 2, plane = source.ElementCount / source.Shape[0] / source.Shape[1];
        int points = grid.ElementCount / grid.Shape[0] / dimensions;
        double[] values = source.ToDoubleArray(), place = grid.ToDoubleArray();
        double[] result = new double[source.Shape[0] * source.Shape[1] * points];
        for (int i = 0; i < result.Length; i++)
        {
            int image = i / points / source.Shape[1], point = (image * points) + (i % points);
            result[i] = Along(0, i / points * plane, plane);

            // The value at the point's coordinates from dimension d on.
            double Along(int d, int origin, int count)
            {
                if (d == dimensions)
                    return values[origin];
                int extent = source.Shape[2 + d], step = count / extent;
                double least = aligns ? 0 : -0.5, most = aligns ? extent - 1 : extent - 0.5;
                double n = place[(point * dimensions) + dimensions - 1 - d];
                double x = aligns ? (n + 1) / 2 * (extent - 1) : (((n + 1) * extent) - 1) / 2;
                if (mode == "nearest")
                    x = Math.Round(x, MidpointRounding.ToEven);
                if (padding == "reflection")
                    x = Mirrored(x, least, most);
                else if (padding == "border" && (x < least || x > most))
                    x = Math.Clamp(x, 0, extent - 1);
                double floor = Math.Floor(x);
                return mode switch
                {
                    "nearest" => At(x),
                    "linear" => ((1 - (x - floor)) * At(floor)) + ((x - floor) * At(floor + 1)),
                    _ => Enumerable.Range(-1, 4).Sum(k => Keys(Math.Abs(x - floor - k)) * At(floor + k)),
                };

                double At(double index)
                {
                    if (padding == "zeros" && (index < 0 || index >= extent))
                        return 0;
                    double inside = padding == "reflection" ? Mirrored(index, least, most) : index;
                    return Along(d + 1, origin + ((int)Math.Clamp(inside, 0, extent - 1) * step), step);
                }
            }
        }

        return result;

        static double Keys(double x) => x <= 1 ? (((1.25 * x) - 2.25) * x * x) + 1 : (((((-0.75 * x) + 3.75) * x) - 6) * x) + 3;
        static double Mirrored(double x, double least, double most)
        {
            while (x < least || x > most)
                x = x < least ? (2 * least) - x : (2 * most) - x;
            return x;
        }
    }

    private static TensorData Reals(Shape shape, double range, int seed)
    {
        var random = new Random(seed);
        return TensorData.Create<float>(
            [.. Enumerable.Range(0, (int)shape.ElementCount).Select(_ => (float)(((random.NextDouble() * 2) - 1) * range))], shape);
    }
}
