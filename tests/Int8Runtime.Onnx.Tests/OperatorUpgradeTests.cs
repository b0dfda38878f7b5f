// Models of old operator sets mean the same after import.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Onnx.Tests;

public sealed class OperatorUpgradeTests
{
    [Fact]
    public void Clip_bounds_become_inputs()
    {
        ModelGraph graph = Upgrade("Clip", 6 + 1, new() { { "min", -1f }, { "max", 2.5f } });
        GraphNode node = Assert.Single(graph.Nodes);
        Assert.Equal(0, node.Attributes.Count);
        Assert.Equal([-1f], node.ConstantInput(1)!.ToSingleArray());
        Assert.Equal([2.5f], node.ConstantInput(2)!.ToSingleArray());
    }

    [Theory]
    [InlineData("ReduceMean", 13)]
    [InlineData("ReduceSum", 11)]
    [InlineData("Squeeze", 9)]
    [InlineData("Unsqueeze", 12)]
    public void Axes_become_an_input(string opType, int operatorSet)
    {
        GraphNode node = Assert.Single(Upgrade(opType, operatorSet, new() { { "axes", new long[] { 1 } } }).Nodes);
        Assert.Equal([1L], node.ConstantInput(1)!.ToInt64Array());
        Assert.False(node.Attributes.Contains("axes"));
    }

    [Fact]
    public void Slice_pad_split_and_topk_parameters_become_inputs()
    {
        GraphNode slice = Assert.Single(Upgrade("Slice", 9,
            new() { { "starts", new long[] { 1 } }, { "ends", new long[] { 3 } }, { "axes", new long[] { 1 } } }).Nodes);
        Assert.Equal([1L], slice.ConstantInput(1)!.ToInt64Array());
        Assert.Equal([3L], slice.ConstantInput(2)!.ToInt64Array());
        Assert.Equal([1L], slice.ConstantInput(3)!.ToInt64Array());

        GraphNode pad = Assert.Single(Upgrade("Pad", 10, new() { { "pads", new long[] { 0, 1, 0, 1 } }, { "value", 4f } }).Nodes);
        Assert.Equal([0L, 1, 0, 1], pad.ConstantInput(1)!.ToInt64Array());
        Assert.Equal([4f], pad.ConstantInput(2)!.ToSingleArray());

        GraphNode split = Assert.Single(Upgrade("Split", 11, new() { { "split", new long[] { 2, 2 } }, { "axis", 1 } }, outputs: 2).Nodes);
        Assert.Equal([2L, 2], split.ConstantInput(1)!.ToInt64Array());

        GraphNode equal = Assert.Single(Upgrade("Split", 11, new() { { "axis", 1 } }, outputs: 2).Nodes);
        Assert.Equal(2, equal.Attributes.GetInteger("num_outputs"));

        GraphNode top = Assert.Single(Upgrade("TopK", 9, new() { { "k", 2 } }, outputs: 2).Nodes);
        Assert.Equal([2L], top.ConstantInput(1)!.ToInt64Array());
    }

    [Fact]
    public void Upsample_becomes_an_asymmetric_resize()
    {
        GraphNode node = Assert.Single(Upgrade("Upsample", 7, new() { { "scales", new[] { 1f, 2f } } }).Nodes);
        Assert.Equal("Resize", node.OpType);
        Assert.Null(node.Inputs[1]);
        Assert.Equal([1f, 2f], node.ConstantInput(2)!.ToSingleArray());
        Assert.Equal("asymmetric", node.Attributes.GetString("coordinate_transformation_mode"));
        Assert.Equal("floor", node.Attributes.GetString("nearest_mode"));
    }

    [Theory]
    [InlineData(10, "output_half_pixel")]
    [InlineData(15, "output_half_pixel")]
    [InlineData(16, "")]   // the default, half_pixel
    public void Corners_of_RoiAlign_are_shifted_from_16_on(int operatorSet, string expected) => Assert.Equal(
        expected, Assert.Single(Upgrade("RoiAlign", operatorSet, [], inputs: 3).Nodes).Attributes.GetString("coordinate_transformation_mode", ""));

    [Fact]
    public void Softmax_before_13_flattens()
    {
        ModelGraph graph = Upgrade("Softmax", 11, [], shape: [2, 3, 2, 2]);
        Assert.Equal(["Shape", "Flatten", "Softmax", "Reshape"], graph.Nodes.Select(n => n.OpType));
        InferredTensors tensors = ShapeInference.Infer(graph);
        Assert.Equal(Shape.Create([2, 12]), tensors[graph.Nodes[2].Output].Shape);
        Assert.Equal(Shape.Create([2, 3, 2, 2]), tensors[graph.Outputs[0]].Shape);
    }

    [Fact]
    public void Softmax_over_the_last_axis_stays_alone()
    {
        GraphNode node = Assert.Single(Upgrade("Softmax", 7, [], shape: [2, 12]).Nodes);
        Assert.Equal(-1, node.Attributes.GetInteger("axis"));
    }

    [Theory]
    [InlineData(6)]
    [InlineData(26)]
    public void Other_operator_sets_are_refused_by_number(int operatorSet)
    {
        var exception = Assert.Throws<UnsupportedModelException>(() => Upgrade("Relu", operatorSet, []));
        Assert.Contains($"operator set {operatorSet}", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Written_models_state_the_lowest_operator_set()
    {
        ModelGraph graph = SampleModels.Classifier();
        Assert.Equal(13, OnnxModel.Load(SampleModels.Bytes(graph)).Provenance.OperatorSet);
        graph.AddOutput(graph.AddOperation("Gelu", "gelu", [graph.Outputs[0]]));
        Assert.Equal(20, OnnxModel.Load(SampleModels.Bytes(graph)).Provenance.OperatorSet);
    }

    [Fact]
    public void Half_precision_models_compute_in_single_precision_between_casts()
    {
        var graph = new ModelGraph("half");
        GraphValue input = graph.AddInput("x", DataType.Float16, GraphShape.Of([4]));
        GraphValue weights = graph.AddConstant("w", TensorData.Vector((Half)1, (Half)2, (Half)0.5, (Half)(-3)));
        GraphValue output = graph.AddOperation("Mul", "y", [input, weights]);
        output.ElementType = DataType.Float16;
        graph.AddOutput(output);
        ModelGraph read = OnnxModel.Load(SampleModels.Bytes(graph));
        Assert.Equal(["Cast", "Mul", "Cast"], read.Nodes.Select(n => n.OpType));
        Assert.Equal([1f, 2f, 0.5f, -3f], read.Nodes[1].ConstantInput(1)!.AsSpan<float>().ToArray());
        Assert.Equal(DataType.Float16, ShapeInference.Infer(read)[read.Outputs[0]].ElementType);
        GraphAssert.Equal(read, OnnxModel.Load(SampleModels.Bytes(read)));
    }

    private static ModelGraph Upgrade(string opType, int operatorSet, GraphAttributes attributes, int outputs = 1, Shape? shape = null,
        int inputs = 1)
    {
        var graph = new ModelGraph("old");
        GraphValue input = graph.AddInput("x", DataType.Float32, GraphShape.Of(shape ?? [1, 4]));
        GraphValue[] results = [.. Enumerable.Range(0, outputs).Select(i => graph.AddValue($"y{i}"))];
        graph.AddNode(opType, [.. Enumerable.Repeat(input, inputs)], results, attributes);
        foreach (GraphValue result in results)
            graph.AddOutput(result);
        return SampleModels.ReadAs(graph, operatorSet);
    }
}
