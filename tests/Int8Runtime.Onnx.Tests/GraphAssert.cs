// Comparison of graphs.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Tests;

internal static class GraphAssert
{
    /// <summary>Equal inputs, outputs, nodes in order, attributes and constants.</summary>
    public static void Equal(ModelGraph expected, ModelGraph actual)
    {
        Assert.Equal(Describe(expected.Inputs), Describe(actual.Inputs));
        Assert.Equal(Describe(expected.Outputs), Describe(actual.Outputs));
        Assert.Equal(expected.Nodes.Select(Describe), actual.Nodes.Select(Describe));
        foreach ((GraphNode left, GraphNode right) in expected.Nodes.Zip(actual.Nodes))
        {
            foreach ((GraphValue? a, GraphValue? b) in left.Inputs.Zip(right.Inputs))
            {
                if (a?.Constant is { } content)
                    Assert.True(content.ContentEquals(b!.Constant), $"{left}: constant '{a.Name}' differs");
            }
            Assert.Equal(left.Attributes.Select(Describe), right.Attributes.Select(Describe));
        }
    }

    private static string[] Describe(IEnumerable<GraphValue> values) => [.. values.Select(v => v.ToString())];

    private static string Describe(GraphNode node) =>
        $"{node}({string.Join(", ", node.Inputs.Select(i => i?.Name))}) -> "
            + $"{string.Join(", ", node.Outputs.Select(o => o.IsOmitted ? "" : o.Name))}";

    private static string Describe(KeyValuePair<string, object> attribute) => attribute.Key + "=" + attribute.Value switch
    {
        long[] values => string.Join(',', values),
        float[] values => string.Join(',', values),
        string[] values => string.Join(',', values),
        TensorData tensor => tensor + ":" + Convert.ToHexString(tensor.Bytes.Span),
        _ => attribute.Value,
    };
}
