// Layers that are read as several operators, against results worked out by hand, and GridSample written as IR and read again.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Tests;

public sealed class ComposedLayerTests
{
    private static readonly ReferenceEngine s_engine = new();

    [Fact]
    public void Einstein_sum_keeps_the_name_of_its_layer()
    {
        ModelGraph graph = new IrSketch().Parameter("a", "1,2,2").Parameter("b", "1,2,3")
            .Layer("y", "Einsum", 7, "equation=\"bij,bjk-&gt;bki\"", ["a", "b"], "f32", [1, 3, 2]).Result("y").Load();
        Assert.Equal("y", graph.Outputs.Single().Name);
        Assert.Equal([9f, 19, 12, 26, 15, 33], Running.Run(s_engine, graph, [1, 2, 3, 4], [1, 2, 3, 4, 5, 6])[0]);
    }

    [Theory]
    [InlineData("batch_axis=\"0\" seq_axis=\"1\"", new float[] { 2, 1, 3, 6, 5, 4 })]
    [InlineData("batch_axis=\"-2\" seq_axis=\"-1\"", new float[] { 2, 1, 3, 6, 5, 4 })]
    public void Sequences_are_reversed(string data, float[] expected) => Assert.Equal(expected, Running.Run(s_engine,
        new IrSketch().Parameter("x", "2,3").Longs("lengths", "2", 2, 3).Layer("y", "ReverseSequence", 1, data, ["x", "lengths"], "f32", [2, 3])
            .Result("y").Load(),
        [1, 2, 3, 4, 5, 6])[0]);

    [Fact]
    public void Other_dimensions_are_not_reversed() => Assert.Contains("'y'", Assert.Throws<UnsupportedModelException>(
        () => new IrSketch().Parameter("x", "2,3,4").Longs("lengths", "2", 2, 3)
            .Layer("y", "ReverseSequence", 1, "batch_axis=\"0\" seq_axis=\"2\"", ["x", "lengths"], "f32", [2, 3, 4]).Result("y").Load()).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void Attention_without_mask_with_one_and_with_a_triangle(int rank)
    {
        string shape = rank == 3 ? "1,2,2" : "1,1,2,2";
        long[] extents = rank == 3 ? [1, 2, 2] : [1, 1, 2, 2];
        IrSketch sketch = new IrSketch().Parameter("q", shape).Parameter("k", shape).Parameter("v", shape)
            .Constant("mask", "boolean", "2,2", 0, 1, 1, 0).Reals("none", "", 0).Reals("scale", "", 0.5f);
        Layer("plain", "false", "q", "k", "v");
        Layer("scaled", "false", "q", "k", "v", "none", "scale");
        Layer("masked", "false", "q", "k", "v", "mask");
        Layer("causal", "true", "q", "k", "v", "mask");
        float[][] results = Running.Run(s_engine, sketch.Load(), [1, 0, 0, 2], [1, 0, 0, 1], [1, 2, 3, 4]);

        // Scores (1, 0) and (0, 2) times the scale; values (1, 2) and (3, 4).
        Assert.All(new[] { (0, Math.Sqrt(0.5)), (1, 0.5) }, p =>
        {
            double first = 1 / (1 + Math.Exp(-p.Item2)), second = 1 / (1 + Math.Exp(2 * p.Item2));
            Running.AssertClose([(float)(3 - (2 * first)), (float)(4 - (2 * first)), (float)(3 - (2 * second)), (float)(4 - (2 * second))],
                results[p.Item1], 1e-5);
        });
        Running.AssertClose([3, 4, 1, 2], results[2], 1e-6);
        Running.AssertClose([1, 2], results[3][..2], 1e-6);

        void Layer(string name, string causal, params string[] operands) =>
            sketch.Layer(name, "ScaledDotProductAttention", 13, $"causal=\"{causal}\"", operands, "f32", extents).Result(name);
    }

    [Theory]
    [InlineData("bilinear", 2.5f)]
    [InlineData("nearest", 1f)]
    [InlineData("bicubic", 2.5f)]
    public void Samples_are_written_and_read(string mode, float expected)
    {
        ModelGraph graph = new IrSketch().Parameter("x", "1,1,2,2").Parameter("grid", "1,1,1,2")
            .Layer("y", "GridSample", 9, $"align_corners=\"true\" mode=\"{mode}\" padding_mode=\"border\"", ["x", "grid"], "f32", [1, 1, 1, 1])
            .Result("y").Load();
        using var folder = new TemporaryFolder();
        foreach (ModelGraph model in (ModelGraph[])[graph, folder.RoundTrip(graph)])
            Running.AssertClose([expected], Running.Run(s_engine, model, [1, 2, 3, 4], [0, 0])[0], 1e-6);
    }
}
