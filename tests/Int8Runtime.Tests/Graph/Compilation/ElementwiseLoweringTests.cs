// Variadic element-wise operators and Where in compiled models, against their host implementations.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class ElementwiseLoweringTests
{
    [Theory]
    [InlineData("Sum", 4, false)]
    [InlineData("Sum", 3, true)]
    [InlineData("Mean", 2, false)]
    [InlineData("Mean", 3, true)]
    [InlineData("Mean", 1, false)]
    [InlineData("Max", 3, true)]
    [InlineData("Min", 3, false)]
    public void Any_number_of_operands_is_combined(string opType, int count, bool broadcasts)
    {
        var sketch = new ModelSketch();
        GraphValue[] inputs =
            [.. Enumerable.Range(0, count).Select(i => i == 1 && broadcasts ? sketch.Input(5, 1) : sketch.Input(2, 3, 5, 4))];
        AssertIsWhatTheHostComputes(sketch.Output(sketch.Op(opType, inputs)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Where_takes_elements_by_a_condition(bool isConstant)
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Input(2, 3, 5, 4), y = sketch.Input(3, 1, 1);
        bool[] known = [.. Enumerable.Range(0, 20).Select(i => i % 3 == 0)];
        GraphValue condition = isConstant
            ? sketch.Constant(TensorData.Create<bool>(known, [5, 4]))
            : sketch.Op("Greater", x, sketch.Random(2, 3, 5, 4));
        ModelExplanation explanation = AssertIsWhatTheHostComputes(sketch.Output(sketch.Op("Where", condition, x, y)));
        Assert.Contains(explanation.Nodes, n => n.OpType == "Where" && n.Implementation.Contains("select", StringComparison.Ordinal));
    }

    [Fact]
    public void Slopes_of_a_rectifier_are_a_tensor()
    {
        var sketch = new ModelSketch();
        GraphValue rectified = sketch.Op("PRelu", sketch.Input(2, 3, 5, 4), sketch.Random(3, 1, 1));
        ModelExplanation explanation =
            Runner.AssertPassesKeepResults(sketch.Output(sketch.Op("Add", rectified, sketch.Random(2, 3, 5, 4))));
        Assert.Contains(explanation.Nodes, n => n.OpType == "PRelu" && n.Implementation.Contains("prelu", StringComparison.Ordinal));
    }

    [Fact]
    public void Quantized_rectifiers_keep_integers()
    {
        var sketch = new ModelSketch();
        GraphValue rectified = sketch.Op("PRelu", sketch.Edge(sketch.Input(1, 8, 5, 5), 0.02f, 100), sketch.Random(8, 1, 1));
        ModelGraph graph = sketch.Output(sketch.Edge(rectified, 0.03f, 90));
        NodeExplanation node =
            Runner.AssertPassesKeepResults(graph, 0.031f).Nodes.Single(n => n.OpType == "PRelu" && n.Implementation != "view");
        Assert.DoesNotContain("f32", node.Precision, StringComparison.Ordinal);
    }

    private static ModelExplanation AssertIsWhatTheHostComputes(ModelGraph graph)
    {
        ModelExplanation explanation = Runner.AssertPassesKeepResults(graph);
        using var engine = new ReferenceEngine();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        float[] actual = Runner.Run(request);
        var values = new Dictionary<GraphValue, TensorData>();
        foreach (GraphValue input in graph.Inputs)
            values[input] = TensorData.Create<float>(request.Input(input.Name).AsSpan<float>(), input.Shape!.ToExtents());
        foreach (GraphNode node in graph.Nodes)
        {
            TensorData[] results = HostEvaluator.Evaluate(node, [.. node.Inputs.Select(i => i!.Constant ?? values[i])]);
            for (int i = 0; i < results.Length; i++)
                values[node.Outputs[i]] = results[i];
        }

        Runner.AssertClose(values[graph.Outputs[0]].ToSingleArray(), actual, 1e-6f);
        return explanation;
    }
}
