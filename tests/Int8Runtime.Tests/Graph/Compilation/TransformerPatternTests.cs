// Operators that exporters of transformers write as several nodes.
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class TransformerPatternTests
{
    private readonly ModelSketch _sketch = new();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Gelu_by_the_error_function_in_any_order_of_factors(int order)
    {
        GraphValue x = _sketch.Input(2, 3, 40);
        GraphValue sum = Op("Add", Op("Erf", Op("Div", x, Number(1.4142135f))), Number(1));
        GraphValue y = order switch
        {
            0 => Op("Mul", Op("Mul", x, sum), Number(0.5f)),
            1 => Op("Mul", Op("Mul", x, Number(0.5f)), sum),
            _ => Op("Mul", x, Op("Mul", Number(0.5f), sum)),
        };
        AssertOne(_sketch.Output(y), "Gelu");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Gelu_by_the_hyperbolic_tangent(bool power)
    {
        GraphValue x = _sketch.Input(2, 3, 40);
        GraphValue cube = power ? Op("Pow", x, Number(3)) : Op("Mul", x, Op("Mul", x, x));
        GraphValue inner = Op("Add", x, Op("Mul", Number(0.044715f), cube));
        GraphValue curve = Op("Tanh", Op("Mul", inner, Number(0.7978845f)));
        AssertOne(_sketch.Output(Op("Mul", Op("Mul", Number(0.5f), x), Op("Add", Number(1), curve))), "Gelu");
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void Layer_normalization(bool power, bool shift)
    {
        GraphValue x = _sketch.Input(2, 3, 40);
        GraphValue difference = Op("Sub", x, Mean(x));
        GraphValue square = power ? Op("Pow", difference, Number(2)) : Op("Mul", difference, difference);
        GraphValue y = Op("Div", difference, Op("Sqrt", Op("Add", Mean(square), Number(1e-5f))));
        y = Op("Mul", y, _sketch.Random(40));
        if (shift)
            y = Op("Add", _sketch.Random(40), y);
        AssertOne(_sketch.Output(y), "LayerNormalization", 1e-4f);

        GraphValue Mean(GraphValue value) => Op("ReduceMean", value, _sketch.Constant(TensorData.Vector(-1L)));
    }

    [Fact]
    public void Nodes_that_only_look_alike_stay()
    {
        GraphValue x = _sketch.Input(2, 3, 40);
        GraphValue sum = Op("Add", Op("Erf", Op("Div", x, Number(1.5f))), Number(1));
        ModelExplanation explanation = Runner.AssertPassesKeepResults(_sketch.Output(Op("Mul", Op("Mul", x, sum), Number(0.5f))));
        Assert.DoesNotContain(explanation.Nodes, n => n.OpType == "Gelu");
    }

    private static void AssertOne(ModelGraph graph, string opType, float tolerance = 1e-5f)
    {
        ModelExplanation explanation = Runner.AssertPassesKeepResults(graph, tolerance);
        Assert.Equal(opType, Assert.Single(explanation.Nodes).OpType);
    }

    private GraphValue Op(string opType, params ReadOnlySpan<GraphValue?> inputs) => _sketch.Op(opType, inputs);

    private GraphValue Number(float value) => _sketch.Constant(TensorData.Scalar(value));
}
