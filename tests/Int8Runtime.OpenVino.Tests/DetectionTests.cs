// The layers of detectors, against results worked out by hand.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Tests;

public sealed class DetectionTests
{
    private static readonly ReferenceEngine s_engine = new();

    [Fact]
    public void Clustered_priors_lie_around_the_centres_of_cells()
    {
        ModelGraph graph = new IrSketch().Parameter("x", "1,4,1,2").Longs("grid", "2", 1, 2).Longs("image", "2", 100, 200)
            .Layer("p", "PriorBoxClustered", 1,
                "width=\"20,40\" height=\"10,20\" clip=\"false\" step=\"0\" offset=\"0.5\" variance=\"0.1,0.1,0.2,0.2\"",
                ["grid", "image"], "f32", [2, 16]).Result("p").Result("x").Load();
        float[] result = Running.Run(s_engine, graph, [new float[8]])[0];
        // the first cell has its centre at (50, 50) of an image 200 wide and 100 high
        Running.AssertClose([0.2f, 0.45f, 0.3f, 0.55f, 0.15f, 0.4f, 0.35f, 0.6f], result[..8], 1e-6);
        Running.AssertClose([0.7f, 0.45f, 0.8f, 0.55f], result[8..12], 1e-6);
        Assert.Equal([0.1f, 0.1f, 0.2f, 0.2f], result[16..20]);
    }

    [Fact]
    public void Priors_have_the_sizes_and_ratios_of_the_attributes()
    {
        ModelGraph graph = new IrSketch().Parameter("x", "1").Longs("grid", "2", 1, 1).Longs("image", "2", 100, 100)
            .Layer("p", "PriorBox", 1,
                "min_size=\"16\" max_size=\"36\" aspect_ratio=\"4,4\" flip=\"true\" clip=\"true\" step=\"50\" offset=\"0.5\" "
                + "variance=\"0.1\"",
                ["grid", "image"], "f32", [2, 16]).Result("p").Result("x").Load();
        float[] result = Running.Run(s_engine, graph, [new float[1]])[0];
        // centre 25: 16 square, √(16·36) = 24 square, 32 by 8, 8 by 32
        Running.AssertClose(
            [0.17f, 0.17f, 0.33f, 0.33f, 0.13f, 0.13f, 0.37f, 0.37f, 0.09f, 0.21f, 0.41f, 0.29f, 0.21f, 0.09f, 0.29f, 0.41f],
            result[..16], 1e-5);
        Assert.Equal(0.1f, result[16]);
    }

    [Fact]
    public void Overlapping_detections_are_suppressed_and_the_best_kept()
    {
        // Three priors, two classes (0 is the background); the second prior overlaps the first, the third stands alone.
        ModelGraph graph = new IrSketch().Parameter("offsets", "1,12").Parameter("scores", "1,6")
            .Reals("priors", "1,2,12", 0, 0, 0.4f, 0.4f, 0.05f, 0.05f, 0.45f, 0.45f, 0.6f, 0.6f, 1, 1, 0.1f, 0.1f, 0.2f, 0.2f,
                0.1f, 0.1f, 0.2f, 0.2f, 0.1f, 0.1f, 0.2f, 0.2f)
            .Layer("d", "DetectionOutput", 1,
                "num_classes=\"2\" background_label_id=\"0\" top_k=\"10\" keep_top_k=\"4\" nms_threshold=\"0.45\" "
                    + "confidence_threshold=\"0.1\" normalized=\"true\" "
                + "code_type=\"caffe.PriorBoxParameter.CENTER_SIZE\" share_location=\"true\" variance_encoded_in_target=\"false\"",
                ["offsets", "scores", "priors"], "f32", [1, 1, 4, 7]).Result("d").Load();
        float[] offsets = new float[12];
        offsets[8] = 0.5f;   // the third box moves by 0.1 · 0.5 · 0.4 to the right
        float[] result = Running.Run(s_engine, graph, offsets, [0.2f, 0.8f, 0.1f, 0.9f, 0.5f, 0.5f])[0];
        Running.AssertClose([0, 1, 0.9f, 0.05f, 0.05f, 0.45f, 0.45f], result[..7], 1e-5);
        Running.AssertClose([0, 1, 0.5f, 0.62f, 0.6f, 1.02f, 1], result[7..14], 1e-5);
        Assert.Equal(-1, result[14]);
    }

    [Theory]
    [InlineData("true", new float[] { 0, 1, 2, 0, 0, 1 })]
    [InlineData("false", new float[] { 0, 0, 1, 0, 1, 2 })]
    public void Suppressed_boxes_are_sorted_over_classes_or_within_them(string sorts, float[] expected)
    {
        ModelGraph graph = new IrSketch().Parameter("scores", "1,2,3")
            .Reals("boxes", "1,3,4", 0, 0, 1, 1, 0, 0, 1.1f, 1, 5, 5, 6, 6).Longs("limit", "", 1).Reals("overlap", "", 0.5f)
            .Reals("least", "", 0.3f)
            .Layer("n", "NonMaxSuppression", 5, $"box_encoding=\"corner\" sort_result_descending=\"{sorts}\" output_type=\"i64\"",
                ["boxes", "scores", "limit", "overlap", "least"], "i64", [-1, 3], [-1, 3], [1]).Result("n:0").Result("n:1").Load();
        float[][] results = Running.Run(s_engine, graph, [0.4f, 0.5f, 0.1f, 0.2f, 0.1f, 0.9f]);
        Assert.Equal(expected, results[0]);
        Assert.Equal(sorts == "true" ? [0, 1, 0.9f, 0, 0, 0.5f] : [0, 0, 0.5f, 0, 1, 0.9f], results[1]);
    }

    // Indices of boxes, whose number the scores decide, and what is gathered by them.
    [Theory]
    [InlineData(false, 2, 0.5f, 0.3f)]
    [InlineData(true, 2, 0.5f, 0.3f)]
    [InlineData(false, 1, 0f, null)]    // negative scores count where there is no threshold
    [InlineData(false, null, null, null)]   // the limit is 0: nothing stays
    public void Suppression_is_written_with_all_that_follows(bool isCentre, int? limit, float? overlap, float? least)
    {
        var graph = new ModelGraph("suppression");
        GraphValue boxes = graph.AddInput("boxes", DataType.Float32, GraphShape.Of([1, 6, 4])),
            scores = graph.AddInput("scores", DataType.Float32, GraphShape.Of([1, 2, 6]));
        GraphValue kept = graph.AddOperation("NonMaxSuppression", "kept",
            [
                boxes, scores, limit is { } l ? graph.AddConstant("l", TensorData.Scalar((long)l)) : null,
                overlap is { } o ? graph.AddConstant("o", TensorData.Scalar(o)) : null,
                least is { } s ? graph.AddConstant("s", TensorData.Scalar(s)) : null,
            ], new GraphAttributes { { "center_point_box", isCentre ? 1 : 0 } });
        GraphValue column = graph.AddOperation("Gather", "column", [kept, graph.AddConstant("two", TensorData.Scalar(2L))],
            new GraphAttributes { { "axis", 1 } });
        GraphValue picked = graph.AddOperation("Gather", "picked", [boxes, column], new GraphAttributes { { "axis", 1 } });
        graph.AddOutput(graph.AddOperation("Reshape", "rows", [picked, graph.AddConstant("four", TensorData.Vector(-1L, 4L))]));
        graph.AddOutput(kept);
        using var folder = new TemporaryFolder();
        ModelGraph written = folder.RoundTrip(graph);
        Assert.Equal(["rows", "kept"], written.Outputs.Select(v => v.Name));
        float[] corners = [.. Running.Random(24, 1, 2)], values = Running.Random(12, 2);
        float[][] expected = Running.Run(s_engine, graph, corners, values);
        Assert.Equal(limit is null, expected[0].Length == 0);
        Assert.Equal(expected, Running.Run(s_engine, written, corners, values));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Regions_have_probabilities(bool softmax)
    {
        string data = softmax
            ? "axis=\"1\" end_axis=\"3\" coords=\"4\" classes=\"2\" num=\"1\" do_softmax=\"true\""
            : "axis=\"1\" end_axis=\"3\" coords=\"4\" classes=\"2\" num=\"3\" mask=\"0\" do_softmax=\"false\"";
        long[] shape = softmax ? [1, 7] : [1, 7, 1, 1];
        ModelGraph graph = new IrSketch().Parameter("x", "1,7,1,1").Layer("y", "RegionYolo", 1, data, ["x"], "f32", shape)
            .Result("y").Load();
        float[] result = Running.Run(s_engine, graph, [0, 0, 3, 4, 0, 1, 1])[0];
        float last = softmax ? 0.5f : (float)(1 / (1 + Math.Exp(-1)));
        Running.AssertClose([0.5f, 0.5f, 3, 4, 0.5f, last, last], result, 1e-6);
    }
}
