// Recognises the heads of detectors by their structure.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// What follows the last weights of a detector: boxes, objectness and class scores of several maps, whose ranges differ by orders
/// of magnitude and whose small differences decide. A head is recognised where a choice of boxes follows, or where the results of
/// different convolutions are flattened to rows of predictions and joined. Its last convolutions, a small part of the work,
/// compute in f32 like everything behind them.
/// </summary>
internal sealed class DetectionHeads
{
    private static readonly HashSet<string> ChoosingBoxes = new(StringComparer.Ordinal)
    {
        "NonMaxSuppression", "DetectionOutput", "PriorBox", "PriorBoxClustered", "Proposal", "RegionYolo", "TopK", "RoiAlign",
        "EfficientNMS_TRT",
        "MultiClassNms", "MatrixNms",
    };

    private readonly Dictionary<GraphNode, string> _reasons = [];

    private DetectionHeads()
    {
    }

    /// <summary>Whether the graph has a head.</summary>
    public bool Any => _reasons.Count > 0;

    /// <summary>The last convolutions of the heads.</summary>
    public IEnumerable<GraphNode> Convolutions => _reasons.Keys.Where(n => n.Is("Conv"));

    /// <summary>Finds the heads of a graph.</summary>
    public static DetectionHeads Find(ModelGraph graph)
    {
        HashSet<GraphNode> last = [.. LayerPositions.Last(graph).Where(n => n.Is("Conv"))];
        HashSet<GraphNode> behind = BehindWeights(graph);
        var heads = new DetectionHeads();
        foreach (GraphNode node in graph.Nodes.Where(behind.Contains))
        {
            HashSet<GraphNode>[] maps = [.. node.Inputs.OfType<GraphValue>().Select(i => MapsBehind(i, last))];
            if (node.Is("TopK") ? maps[0].Count > 0 : ChoosingBoxes.Contains(node.OpType))
            {
                heads.AddTail(node, behind, last, "detection head: its result leads to the choice of boxes, not to further weights");
            }
            else if (node.Is("Concat") && maps.Length > 1 && Array.TrueForAll(maps, m => m.Count > 0)
                && maps.SelectMany(m => m).Distinct().Count() == maps.Sum(m => m.Count))
            {
                heads.AddTail(node, behind, last,
                    $"detection head: predictions of {maps.Length} maps are joined behind it, and no further weights follow");
            }
        }

        return heads;
    }

    /// <summary>Why a node is part of a head; null if it is not.</summary>
    public string? ReasonFor(GraphNode node) => _reasons.GetValueOrDefault(node);

    // Nodes from which no weights follow.
    private static HashSet<GraphNode> BehindWeights(ModelGraph graph)
    {
        var behind = new HashSet<GraphNode>();
        foreach (GraphNode node in graph.Nodes.Reverse())
            if (node.Outputs.SelectMany(o => o.Uses).All(u => behind.Contains(u.Node) && !OperatorPolicy.IsWeighted(u.Node)))
                behind.Add(node);
        return behind;
    }

    // From the end of a head back to the last convolutions, which are part of it.
    private void AddTail(GraphNode end, HashSet<GraphNode> behind, HashSet<GraphNode> last, string reason)
    {
        var pending = new Stack<GraphNode>([end]);
        while (pending.TryPop(out GraphNode? node))
        {
            if (!behind.Contains(node) || (OperatorPolicy.IsWeighted(node) && !last.Contains(node))
                || !_reasons.TryAdd(node, reason) || last.Contains(node))
                continue;
            foreach (GraphValue input in node.Inputs.OfType<GraphValue>())
                if (input.Producer is { } producer)
                    pending.Push(producer);
        }
    }

    // The last convolutions whose results reach the value as rows: flattened, and not pooled to one value as in a classifier.
    private static HashSet<GraphNode> MapsBehind(GraphValue value, HashSet<GraphNode> last)
    {
        var found = new HashSet<GraphNode>();
        var seen = new HashSet<(GraphNode Node, bool IsFlat)>();
        var pending = new Stack<(GraphValue Value, bool IsFlat)>([(value, false)]);
        while (pending.TryPop(out (GraphValue Value, bool IsFlat) next))
        {
            if (next.Value.Producer is not { } node || !seen.Add((node, next.IsFlat)))
                continue;
            if (OperatorPolicy.IsWeighted(node))
            {
                if (next.IsFlat && last.Contains(node))
                    found.Add(node);
                continue;
            }

            if (node.Is("GlobalAveragePool") || node.Is("GlobalMaxPool") || node.Is("ReduceMean"))
                continue;
            bool isFlat = next.IsFlat || node.Is("Reshape") || node.Is("Flatten");
            foreach (GraphValue input in node.Inputs.OfType<GraphValue>())
                pending.Push((input, isFlat));
        }

        return found;
    }
}
