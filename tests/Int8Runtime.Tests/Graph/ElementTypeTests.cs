// Operands whose element types must agree are refused where they differ: kernels read all of them as one type.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Tests.Graph;

public sealed class ElementTypeTests
{
    [Theory]
    [InlineData("Add")]
    [InlineData("Mul")]
    [InlineData("Max")]
    [InlineData("Less")]
    [InlineData("Where")]
    [InlineData("Concat")]
    [InlineData("MatMul")]
    [InlineData("Gemm")]
    [InlineData("Conv")]
    [InlineData("ConvTranspose")]
    public void Operands_of_different_types_are_refused(string opType)
    {
        ModelGraph graph = Build(opType, DataType.Int32);
        var exception = Assert.Throws<ModelFormatException>(() => ShapeInference.Infer(graph));
        Assert.Contains("'y'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("Float32 and Int32 differ", exception.Message, StringComparison.Ordinal);
        ShapeInference.Infer(Build(opType, DataType.Float32));
    }

    [Fact]
    public void An_exponent_may_be_an_integer()
    {
        ModelGraph graph = Build("Pow", DataType.Int32);
        Assert.Equal(DataType.Float32, ShapeInference.Infer(graph)[graph.Outputs[0]].ElementType);
    }

    private static ModelGraph Build(string opType, DataType second)
    {
        var graph = new ModelGraph("types");
        GraphShape shape = GraphShape.Of(opType.StartsWith("Conv", StringComparison.Ordinal) ? [1, 1, 2, 2] : [2, 2]);
        GraphValue left = graph.AddInput("a", DataType.Float32, shape), right = graph.AddInput("b", second, shape);
        GraphAttributes? attributes = opType == "Concat" ? new GraphAttributes { { "axis", 0 } } : null;
        graph.AddOutput(opType == "Where"
            ? graph.AddOperation(opType, "y", [graph.AddInput("c", DataType.Boolean, GraphShape.Of([2, 2])), left, right])
            : graph.AddOperation(opType, "y", [left, right], attributes));
        return graph;
    }
}
