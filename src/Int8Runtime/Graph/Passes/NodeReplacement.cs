// A node in the place of another one.
namespace Int8Runtime.Graph.Passes;

/// <summary>Replacement of nodes by passes.</summary>
internal static class NodeReplacement
{
    /// <summary>Replaces a node of one output by another that defines the same value and has the same name.</summary>
    public static GraphNode Replace(
        this ModelGraph graph, GraphNode node, string opType, ReadOnlySpan<GraphValue?> inputs, GraphAttributes? attributes = null)
    {
        GraphValue result = node.Output;
        string name = node.Name;
        GraphNode? next = graph.Nodes.SkipWhile(n => n != node).Skip(1).FirstOrDefault();
        graph.RemoveNode(node);
        return graph.AddNode(opType, inputs, [result], attributes, name, before: next);
    }
}
