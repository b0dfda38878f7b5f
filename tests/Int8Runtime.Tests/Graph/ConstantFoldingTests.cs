// What is folded at load, and what is not.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Tests.Graph;

public sealed class ConstantFoldingTests
{
    [Fact]
    public void Chains_of_constants_become_one()
    {
        var graph = new ModelGraph("test");
        GraphValue shape = graph.AddConstant("shape", TensorData.Vector(2L, 3L));
        GraphValue filled = graph.AddOperation("ConstantOfShape", "filled", [shape],
            new GraphAttributes { { "value", TensorData.Vector(1.5f) } });
        GraphValue input = graph.AddInput("x", DataType.Float32, GraphShape.Of([2, 3]));
        GraphValue sum = graph.AddOperation("Add", "sum", [input, graph.AddOperation("Neg", "negative", [filled])]);
        graph.AddOutput(sum);
        Assert.Equal(2, ConstantFolding.Run(graph));
        Assert.Single(graph.Nodes);
        Assert.Equal(Enumerable.Repeat(-1.5f, 6), sum.Producer!.ConstantInput(1)!.ToSingleArray());
        graph.Validate();
    }

    [Fact]
    public void Results_above_the_limit_stay()
    {
        var graph = new ModelGraph("test");
        GraphValue shape = graph.AddConstant("shape", TensorData.Vector(100L));
        graph.AddOutput(graph.AddOperation("ConstantOfShape", "filled", [shape]));
        Assert.Equal(0, ConstantFolding.Run(graph, limit: 399));
        Assert.Equal(1, ConstantFolding.Run(graph, limit: 400));
    }

    [Fact]
    public void Integer_weights_stay_integers()
    {
        var graph = new ModelGraph("test");
        GraphValue weights = graph.AddConstant("w", TensorData.Vector<sbyte>(1, 2));
        GraphValue real = graph.AddOperation("DequantizeLinear", "real", [weights, graph.AddConstant("s", TensorData.Scalar(0.5f))]);
        graph.AddOutput(graph.AddOperation("Mul", "y", [graph.AddInput("x", DataType.Float32, GraphShape.Of([2])), real]));
        ConstantFolding.Run(graph);
        ShapeInference.Infer(graph).Apply(graph);
        Assert.Equal(["DequantizeLinear", "Mul"], graph.Nodes.Select(n => n.OpType));
    }

    [Fact]
    public void Shape_arithmetic_folds_for_each_batch()
    {
        var graph = new ModelGraph("test");
        GraphValue input = graph.AddInput("x", DataType.Float32, new GraphShape(GraphDimension.Named("N"), 3, 4));
        GraphValue batch = graph.AddOperation("Gather", "batch",
            [graph.AddOperation("Shape", "shape", [input]), graph.AddConstant("i", TensorData.Vector(0L))]);
        GraphValue target = graph.AddOperation("Concat", "target", [batch, graph.AddConstant("rest", TensorData.Vector(-1L))],
            new GraphAttributes { { "axis", 0 } });
        graph.AddOutput(graph.AddOperation("Reshape", "flat", [input, target]));
        foreach (int size in (int[])[1, 7])
        {
            ModelGraph copy = graph.Clone();
            InferredTensors tensors = ShapeInference.Infer(copy, new Dictionary<string, Shape> { ["x"] = [size, 3, 4] });
            Assert.Equal(new TensorType(DataType.Float32, [size, 12]), tensors[copy.Outputs[0]]);
            tensors.Apply(copy);
            Assert.Equal([(long)size, -1], Assert.Single(copy.Nodes).ConstantInput(1)!.ToInt64Array());
        }
    }

    [Fact]
    public void Shapes_that_depend_on_contents_are_refused_with_the_node()
    {
        var graph = new ModelGraph("test");
        graph.AddOutput(graph.AddOperation("NonZero", "found", [graph.AddInput("x", DataType.Float32, GraphShape.Of([4]))]));
        Assert.Contains("'found' (NonZero)",
            Assert.Throws<DataDependentShapeException>(() => ShapeInference.Infer(graph)).Message, StringComparison.Ordinal);
    }
}
