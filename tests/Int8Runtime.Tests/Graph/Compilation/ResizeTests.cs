// Resize in compiled models: what becomes a primitive, what stays int8, what the host computes.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class ResizeTests
{
    public static TheoryData<string, string, string> Conventions
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            foreach (string coordinates in (string[])["half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners",
                "asymmetric"])
            {
                data.Add("linear", coordinates, "floor");
                foreach (string rounding in (string[])["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
                    data.Add("nearest", coordinates, rounding);
            }

            return data;
        }
    }

    // The host evaluates every convention on its own; the conformance cases hold it to ONNX.
    [Theory]
    [MemberData(nameof(Conventions))]
    public void The_primitive_computes_what_the_host_computes(string mode, string coordinates, string rounding)
    {
        foreach (float[] scales in (float[][])[[1, 1, 2, 2], [1, 1, 0.6f, 1.7f], [1, 1, 3, 0.5f]])
        {
            GraphAttributes attributes = new()
            {
                { "mode", mode }, { "coordinate_transformation_mode", coordinates }, { "nearest_mode", rounding },
            };
            var sketch = new ModelSketch();
            GraphValue resized = Resize(sketch, sketch.Input(2, 5, 4, 6), attributes, scales);
            ModelGraph graph = sketch.Output(resized);
            Assert.StartsWith("ref_resample",
                Runner.AssertPassesKeepResults(graph).Nodes.Single(n => n.OpType == "Resize").Implementation,
                StringComparison.Ordinal);

            using var engine = new ReferenceEngine();
            using CompiledModel model = engine.Compile(graph);
            using InferenceRequest request = model.CreateRequest();
            float[] right = Runner.Run(request);
            TensorData source = TensorData.Create<float>(request.Input(model.Inputs[0].Name).AsSpan<float>(), [2, 5, 4, 6]);
            float[] left = HostEvaluator.Evaluate(resized.Producer!,
                [source, null, resized.Producer!.Inputs[2]!.Constant])[0].ToSingleArray();
            Assert.Equal(left.Length, right.Length);
            for (int i = 0; i < left.Length; i++)
                Assert.Equal(left[i], right[i], 1e-6f);
        }
    }

    [Theory]
    [InlineData("nearest")]
    [InlineData("linear")]
    public void Quantized_tensors_are_resampled_as_integers(string mode)
    {
        var sketch = new ModelSketch();
        GraphValue resized = Resize(
            sketch, sketch.Edge(sketch.Input(1, 8, 5, 5), 0.02f, 100), new GraphAttributes { { "mode", mode } }, [1, 1, 2, 2]);
        ModelGraph graph = sketch.Output(sketch.Edge(resized, 0.02f, 100));
        NodeExplanation node = Runner.AssertPassesKeepResults(graph, 0.021f).Nodes.Single(n => n.OpType == "Resize");
        Assert.Contains("u8", node.Precision, StringComparison.Ordinal);
        Assert.DoesNotContain("f32", node.Precision, StringComparison.Ordinal);
    }

    [Fact]
    public void Cubic_interpolation_runs_on_the_host()
    {
        var sketch = new ModelSketch();
        GraphValue resized = Resize(sketch, sketch.Input(1, 2, 4, 4), new GraphAttributes { { "mode", "cubic" } }, [1, 1, 2, 2]);
        NodeExplanation node = Runner.AssertPassesKeepResults(sketch.Output(resized)).Nodes.Single(n => n.OpType == "Resize");
        Assert.Contains(node.Notes, note => note.Contains("cubic", StringComparison.Ordinal));
    }

    private static GraphValue Resize(ModelSketch sketch, GraphValue source, GraphAttributes attributes, float[] scales) =>
        sketch.Op("Resize", attributes, source, null, sketch.Constant(TensorData.Vector<float>(scales)));
}
