// Sorting of nodes by their data dependence.
namespace Int8Runtime.Graph;

/// <summary>Stable topological sorting.</summary>
internal static class TopologicalOrder
{
    /// <summary>Orders nodes so that producers precede consumers; of the nodes that are ready the earliest in the given
    /// order comes first (Kahn's algorithm with a priority queue).</summary>
    /// <exception cref="ModelFormatException">There is a cycle.</exception>
    public static List<GraphNode> Of(IReadOnlyList<GraphNode> nodes)
    {
        var position = new Dictionary<GraphNode, int>(nodes.Count);
        for (int i = 0; i < nodes.Count; i++)
            position.Add(nodes[i], i);

        int[] missing = new int[nodes.Count];   // operands of node i whose producers are not placed yet
        var ready = new PriorityQueue<GraphNode, int>();
        for (int i = 0; i < nodes.Count; i++)
        {
            missing[i] = nodes[i].Inputs.Count(v => v?.Producer is not null);
            if (missing[i] == 0)
                ready.Enqueue(nodes[i], i);
        }

        var sorted = new List<GraphNode>(nodes.Count);
        while (ready.TryDequeue(out GraphNode? node, out _))
        {
            sorted.Add(node);
            foreach (GraphValue output in node.Outputs)
            {
                foreach (GraphUse use in output.Uses)
                {
                    if (position.TryGetValue(use.Node, out int user) && --missing[user] == 0)
                        ready.Enqueue(use.Node, user);
                }
            }
        }
        if (sorted.Count == nodes.Count)
            return sorted;
        GraphNode blocked = nodes.First(n => missing[position[n]] > 0);
        throw new ModelFormatException(
            $"{blocked} depends on itself: the graph has a cycle. The model is damaged; export it again.");
    }
}
