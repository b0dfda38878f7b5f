// The first and the last layers of a model, which many methods treat differently.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>Finds the weighted nodes at the ends of a graph.</summary>
internal static class LayerPositions
{
    /// <summary>Weighted nodes that read a graph input without other weights in between.</summary>
    public static IReadOnlyList<GraphNode> First(ModelGraph graph) => Select(
        graph.Nodes, node => node.Inputs.OfType<GraphValue>().Select(i => i.Producer).OfType<GraphNode>());

    /// <summary>Weighted nodes from whose result no other weights follow.</summary>
    public static IReadOnlyList<GraphNode> Last(ModelGraph graph) => Select(
        graph.Nodes.Reverse(), node => node.Outputs.SelectMany(o => o.Uses).Select(u => u.Node));

    private static List<GraphNode> Select(IEnumerable<GraphNode> order, Func<GraphNode, IEnumerable<GraphNode>> neighbours)
    {
        var reached = new HashSet<GraphNode>();   // nodes that are weighted or have weights on the way
        var ends = new List<GraphNode>();
        foreach (GraphNode node in order)
        {
            bool hasWeights = neighbours(node).Any(reached.Contains), isWeighted = OperatorPolicy.IsWeighted(node);
            if (isWeighted && !hasWeights)
                ends.Add(node);
            if (isWeighted || hasWeights)
                reached.Add(node);
        }

        return ends;
    }
}
