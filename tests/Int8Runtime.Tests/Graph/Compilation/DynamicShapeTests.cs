// Shapes that depend on the content of the inputs: the rest of the model stays planned.
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class DynamicShapeTests
{
    // The rows of relu(x) whose sum is positive, and relu(x) itself.
    private static ModelGraph PositiveRows()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Op("Relu", sketch.Input(4, 3));
        GraphValue sum = sketch.Op("ReduceSum", new GraphAttributes { { "keepdims", 0 } }, x, sketch.Constant(TensorData.Vector(1L)));
        GraphValue places = sketch.Op("NonZero", sum);
        GraphValue rows = sketch.Op("Squeeze", places, sketch.Constant(TensorData.Vector(0L)));
        return sketch.Output(sketch.Op("Gather", x, rows), x);
    }

    [Fact]
    public void Each_run_has_the_shape_of_its_content()
    {
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(PositiveRows());
        using InferenceRequest request = model.CreateRequest();
        Assert.True(request.HasDataDependentShapes);
        string rows = model.Outputs[0].Name, all = model.Outputs[1].Name;
        Assert.Throws<InvalidOperationException>(() => request.Output(rows));

        Run([1, -1, 2, -1, -2, -3, 0, 0, 5, -4, -4, -4]);
        Assert.Equal("2x3", request.Output(rows).Descriptor.Dimensions.ToString());
        Assert.Equal([1f, 0, 2, 0, 0, 5], request.Output(rows).AsSpan<float>().ToArray());
        Assert.Equal([1f, 0, 2, 0, 0, 0, 0, 0, 5, 0, 0, 0], request.Output(all).AsSpan<float>().ToArray());

        Run([-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1]);
        Assert.Equal("0x3", request.Output(rows).Descriptor.Dimensions.ToString());

        void Run(float[] values)
        {
            values.CopyTo(request.Input().AsSpan<float>());
            request.Run();
        }
    }

    [Fact]
    public void Only_what_follows_runs_on_the_portable_evaluator()
    {
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(PositiveRows());
        ModelExplanation explanation = model.Explain();
        Assert.StartsWith("jit", explanation.Nodes.Single(n => n.OpType == "Relu").Implementation);
        NodeExplanation gather = explanation.Nodes.Single(n => n.OpType == "Gather");
        Assert.Equal("host", gather.Implementation);
        Assert.Contains("depends on the content", Assert.Single(gather.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Operators_without_a_portable_form_are_refused_behind_them()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Input(4, 3);
        GraphValue flat = sketch.Op("Compress", x,
            sketch.Op("Greater", sketch.Op("Flatten", new GraphAttributes { { "axis", 0 } }, x), sketch.Random(1)));
        ModelGraph graph = sketch.Output(sketch.Op("Gemm", flat, sketch.Random(3, 2)));
        using CpuEngine engine = CpuEngine.Create();
        string message = Assert.Throws<ModelCompilationException>(() => engine.Compile(graph)).Message;
        Assert.Contains("whose shape depends on the content", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Boxes_that_overlap_a_better_one_are_dropped()
    {
        var graph = new ModelGraph("nms");
        GraphValue boxes = graph.AddInput("boxes", DataType.Float32, new GraphShape(1, 4, 4));
        GraphValue scores = graph.AddInput("scores", DataType.Float32, new GraphShape(1, 1, 4));
        GraphValue Number<T>(T value) where T : unmanaged => graph.AddConstant("number", TensorData.Vector(value));
        graph.AddOutput(graph.AddOperation("NonMaxSuppression", "kept", [boxes, scores, Number(10L), Number(0.5f), Number(0.1f)]));
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        // The second overlaps the first by 0.8 and scores better, the third touches it by a quarter, the fourth scores too little.
        float[] corners = [0, 0, 1, 1, 0, 0, 1, 0.8f, 0, 0.5f, 1, 1.3f, 5, 5, 6, 6];
        corners.CopyTo(request.Input("boxes").AsSpan<float>());
        float[] marks = [0.7f, 0.9f, 0.8f, 0.05f];
        marks.CopyTo(request.Input("scores").AsSpan<float>());
        request.Run();
        Assert.Equal([0L, 0, 1, 0, 0, 2], request.Output().AsSpan<long>().ToArray());
    }
}
