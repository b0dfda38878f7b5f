// Proposal and the pooling of regions of interest, against results worked out by hand; every model is written as IR and read again as well.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Tests;

public sealed class RegionOfInterestTests
{
    private const string CaffeBoxes =
        "base_size=\"16\" feat_stride=\"16\" min_size=\"1\" nms_thresh=\"0.7\" pre_nms_topn=\"6\" post_nms_topn=\"3\" "
        + "ratio=\"1\"";

    private static readonly ReferenceEngine s_engine = new();

    public static TheoryData<string, float[], float[]> MaximumCases => new()
    {
        { "1", [0, 0, 0, 3, 3], [5, 7, 13, 15] },
        { "0.5", [0, 2, 2, 6, 6], [10, 11, 14, 15] },        // 3 pixels in 2 cells share the middle one
        { "0.5", [0, 1, 1, 1, 1], [5, 5, 5, 5] },            // half a pixel rounds away from zero
        { "1", [0, 3, 3, 1, 1], [15, 15, 15, 15] },          // turned around: one pixel
        { "1", [0, 9, 9, 12, 12], [0, 0, 0, 0] },            // outside
        { "1", [0, -2, 0, 1, 3], [0, 5, 0, 13] },            // the left cells lie outside
        { "1", [-1, 0, 0, 3, 3], [0, 0, 0, 0] },             // the end of the list
    };

    [Theory]
    [MemberData(nameof(MaximumCases))]
    public void The_largest_value_of_each_cell_is_taken(string scale, float[] region, float[] expected) => Check(
        new IrSketch().Parameter("x", "1,1,4,4").Parameter("r", "1,5")
            .Layer("y", "ROIPooling", 2, $"pooled_h=\"2\" pooled_w=\"2\" spatial_scale=\"{scale}\" method=\"max\"", ["x", "r"],
                "f32", [1, 1, 2, 2]).Result("y"),
        [expected], Count(16), region);

    [Theory]
    [InlineData(2, new float[] { 0, 0, 0, 1, 1 }, new float[] { 0, 2, 6, 8 })]
    [InlineData(2, new float[] { 0, 0.25f, 0.25f, 0.75f, 0.75f }, new float[] { 2, 3, 5, 6 })]
    [InlineData(1, new float[] { 0, 0.25f, 0.25f, 0.75f, 0.75f }, new float[] { 4 })]
    [InlineData(2, new float[] { 0, -0.5f, 0, 1, 1 }, new float[] { 0, 2, 0, 8 })]
    public void Cells_are_sampled_between_pixels(int size, float[] region, float[] expected) => Check(
        new IrSketch().Parameter("x", "1,1,3,3").Parameter("r", "1,5")
            .Layer("y", "ROIPooling", 1, $"pooled_h=\"{size}\" pooled_w=\"{size}\" spatial_scale=\"1\" method=\"bilinear\"",
                ["x", "r"], "f32", [1, 1, size, size])
            .Result("y"),
        [expected], Count(9), region);

    [Fact]
    public void Each_cell_averages_a_channel_of_its_own() => Check(
        new IrSketch().Parameter("x", "1,4,4,4").Parameter("r", "2,5")
            .Layer("y", "PSROIPooling", 1, "output_dim=\"1\" group_size=\"2\" spatial_scale=\"1\" mode=\"average\"", ["x", "r"],
                "f32", [2, 1, 2, 2]).Result("y"),
        // the last region is two pixels high and wide from (1, 1) on: a pixel for each cell
        [[2.5f, 104.5f, 210.5f, 312.5f, 5, 106, 209, 310]],
        [.. Enumerable.Range(0, 64).Select(i => (float)((i / 16 * 100) + (i % 16)))], [0, 0, 0, 3, 3, 0, 1, 1, 2, 2]);

    [Fact]
    public void Each_bin_samples_a_channel_of_its_own() => Check(
        new IrSketch().Parameter("x", "1,2,3,3").Parameter("r", "1,5")
            .Layer("y", "PSROIPooling", 1,
                "output_dim=\"1\" group_size=\"2\" spatial_bins_x=\"2\" spatial_bins_y=\"1\" spatial_scale=\"1\" "
                + "mode=\"bilinear\"",
                ["x", "r"], "f32", [1, 1, 2, 2]).Result("y"),
        // the left bin reaches from column 0 to 1 of the first channel, the second channel is 100 everywhere
        [[50, 50.5f, 53, 53.5f]], [.. Count(9), .. Enumerable.Repeat(100f, 9)], [0, 0, 0, 1, 1]);

    [Theory]
    [InlineData(1, new float[] { 0, 18, 0, 34, 16, 0, 0, 0, 16, 16, -1, 0, 0, 0, 0 }, new float[] { 0.9f, 0.4f, 0 })]
    [InlineData(18, new float[] { 0, 0, 0, 16, 16, 0, 18, 0, 34, 16, -1, 0, 0, 0, 0 }, new float[] { 0, 0, 0 })]
    public void Anchors_are_moved_by_their_offsets_and_sorted(int smallest, float[] boxes, float[] scores)
    {
        // Anchors of 16 pixels at columns 0 and 16; the second one's centre moves by an eighth of its width. A box of 17 pixels that has to
        // have 18 keeps the probability 0.
        string data = CaffeBoxes.Replace("min_size=\"1\"", $"min_size=\"{smallest}\"", StringComparison.Ordinal) + " scale=\"1\"";
        Check(Sketch(data, anchors: 1), [boxes, scores], [0.5f, 0.5f, 0.4f, 0.9f], [0, 0.125f, 0, 0, 0, 0, 0, 0]);
    }

    [Fact]
    public void Boxes_that_overlap_a_better_one_are_dropped()
    {
        // Two equal anchors in each cell: the surer one of each pair stays. The second cell's box is cut off at the image.
        string data = CaffeBoxes + " scale=\"1,1\"";
        Check(Sketch(data, anchors: 2), [[0, 0, 0, 16, 16, 0, 24, 0, 39, 16, -1, 0, 0, 0, 0], [0.8f, 0.7f, 0]],
            [0, 0, 0, 0, 0.3f, 0.6f, 0.8f, 0.7f], [0, 0.5f, 0, 0, 0, 0, 0, 0, 0, 0.5f, 0, 0, 0, 0, 0, 0]);
    }

    [Fact]
    public void Boxes_of_TensorFlow_have_real_corners_and_rows_first()
    {
        // Anchors of 16 by 16 around (0, 0) and (row 0, column 16), cut off at the image before they are moved; fractions of the image.
        string data = CaffeBoxes + " scale=\"1\" framework=\"tensorflow\" normalize=\"true\"";
        Check(Sketch(data, anchors: 1), [[0, 0, 0.2f, 0.25f, 0.6f, 0, 0, 0, 0.25f, 0.2f, -1, 0, 0, 0, 0], [0.9f, 0.4f, 0]],
            [0.5f, 0.5f, 0.4f, 0.9f], new float[8]);
    }

    [Theory]
    [InlineData("method=\"median\" pooled_h=\"2\" pooled_w=\"2\" spatial_scale=\"1\"", "median")]
    [InlineData("method=\"max\" pooled_h=\"0\" pooled_w=\"2\" spatial_scale=\"1\"", "a grid")]
    public void What_cannot_be_pooled_is_refused(string data, string expected)
    {
        IrSketch sketch = new IrSketch().Parameter("x", "1,1,4,4").Parameter("r", "1,5")
            .Layer("y", "ROIPooling", 2, data, ["x", "r"], "f32", [1, 1, 2, 2]).Result("y");
        var exception = Assert.ThrowsAny<Exception>(() => Running.Run(s_engine, sketch.Load(), new float[16], new float[5]));
        Assert.Contains(expected, exception.Message);
    }

    [Fact]
    public void A_region_of_an_image_that_does_not_exist_is_refused()
    {
        ModelGraph graph = new IrSketch().Parameter("x", "1,1,4,4").Parameter("r", "1,5")
            .Layer("y", "ROIPooling", 2, "pooled_h=\"2\" pooled_w=\"2\" spatial_scale=\"1\"", ["x", "r"], "f32", [1, 1, 2, 2])
            .Result("y").Load();
        var exception = Assert.Throws<ModelFormatException>(() => Running.Run(s_engine, graph, new float[16], [1, 0, 0, 1, 1]));
        Assert.Contains("image 1 of 1", exception.Message);
    }

    // A plane of columns 0, 1, 2, … sampled once: asymmetric reads at the middle, the others half a pixel before it or at the scaled centre.
    [Theory]
    [InlineData("asymmetric", "avg", 0.5, 1.5f)]
    [InlineData("half_pixel_for_nn", "avg", 0.5, 1)]
    [InlineData("half_pixel", "avg", 0.5, 1.25f)]
    [InlineData("half_pixel", "avg", 1, 3)]
    [InlineData("asymmetric", "max", 0.5, 1.5f)]
    [InlineData("half_pixel", "max", 0.5, 1.25f)]
    public void Aligned_regions_are_sampled_where_the_mode_says(string aligned, string mode, double scale, float expected) => Check(
        new IrSketch().Parameter("x", "1,1,6,6").Parameter("r", "1,4").Longs("b", "1", 0)
            .Layer("y", "ROIAlign", 9, FormattableString.Invariant(
                $"pooled_h=\"1\" pooled_w=\"1\" sampling_ratio=\"1\" spatial_scale=\"{scale}\" mode=\"{mode}\" aligned_mode=\"{aligned}\""),
                ["x", "r", "b"], "f32", [1, 1, 1, 1]).Result("y"),
        [[expected]], [.. Enumerable.Range(0, 36).Select(i => (float)(i % 6))], [1, 1, 5, 5]);

    [Theory]
    [InlineData("half_pixel")]
    [InlineData("output_half_pixel")]
    public void Aligned_regions_survive_a_round_trip(string coordinates)
    {
        var graph = new ModelGraph("align");
        GraphValue x = graph.AddInput("x", DataType.Float32, GraphShape.Of([1, 2, 6, 6])),
            regions = graph.AddInput("r", DataType.Float32, GraphShape.Of([2, 4]));
        graph.AddOutput(graph.AddOperation("RoiAlign", "y", [x, regions, graph.AddConstant("b", TensorData.Vector(0L, 0L))],
            new GraphAttributes
        {
            { "output_height", 3 }, { "output_width", 2 }, { "sampling_ratio", 2 }, { "spatial_scale", 0.5f },
            { "coordinate_transformation_mode", coordinates },
        }));
        using var folder = new TemporaryFolder();
        float[] map = Running.Random(72, 3), corners = [0, 0, 8, 8, 3, 1, 11, 9];
        Assert.Equal(Running.Run(s_engine, graph, map, corners)[0], Running.Run(s_engine, folder.RoundTrip(graph), map, corners)[0]);
    }

    // One line of two cells on an image 32 high and 40 wide.
    private static IrSketch Sketch(string data, int anchors) => new IrSketch()
        .Parameter("p", $"1,{2 * anchors},1,2").Parameter("d", $"1,{4 * anchors},1,2").Reals("image", "3", 32, 40, 1)
        .Layer("b", "Proposal", 4, data, ["p", "d", "image"], "f32", [3, 5], [3]).Result("b:0").Result("b:1");

    private static float[] Count(int count) => [.. Enumerable.Range(0, count).Select(i => (float)i)];

    private static void Check(IrSketch sketch, float[][] expected, params float[][] inputs)
    {
        ModelGraph graph = sketch.Load();
        using var folder = new TemporaryFolder();
        foreach (ModelGraph form in (ModelGraph[])[graph, folder.RoundTrip(graph)])
        {
            float[][] results = Running.Run(s_engine, form, inputs);
            for (int i = 0; i < expected.Length; i++)
                Running.AssertClose(expected[i], results[i], 1e-6);
        }
    }
}
