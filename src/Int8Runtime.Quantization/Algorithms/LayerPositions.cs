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

/// <summary>Finds the operators that turn scores and boxes into detections.</summary>
internal static class DetectionHeads
{
    private static readonly HashSet<string> Operators = new(StringComparer.Ordinal)
    {
        "NonMaxSuppression", "DetectionOutput", "PriorBox", "PriorBoxClustered", "Proposal", "RegionYolo", "TopK", "RoiAlign", "EfficientNMS_TRT",
        "MultiClassNms", "MatrixNms",
    };

    /// <summary>True if a choice of boxes follows the node.</summary>
    public static bool LeadsToDetection(GraphNode node)
    {
        var seen = new HashSet<GraphNode>();
        var pending = new Stack<GraphNode>([node]);
        while (pending.TryPop(out GraphNode? next))
        {
            if (!seen.Add(next))
                continue;
            if (Operators.Contains(next.OpType))
                return true;
            foreach (GraphUse use in next.Outputs.SelectMany(o => o.Uses))
                pending.Push(use.Node);
        }

        return false;
    }
}
