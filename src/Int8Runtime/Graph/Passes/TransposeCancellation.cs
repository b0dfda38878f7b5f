// Chains of transposes become one, or none.
namespace Int8Runtime.Graph.Passes;

/// <summary>Composes a Transpose with the Transpose before it, and removes those that change nothing.</summary>
internal sealed class TransposeCancellation : IGraphPass
{
    public string Name => "transpose-cancellation";

    public void Run(ModelGraph graph, PassLog log)
    {
        foreach (GraphNode node in graph.Nodes.ToArray())
        {
            if (!node.Is("Transpose"))
                continue;
            if (node.Input(0).Producer is { } first && first.Is("Transpose")
                && Order(node) is { } outer && Order(first) is { } inner && outer.Length == inner.Length)
            {
                node.SetInput(0, first.Input(0));
                node.Attributes.Add("perm", Array.ConvertAll(outer, o => inner[o]));
                log.Add(Name, node.Name, $"composed with {first.Name}");
            }

            if (Order(node) is { } order && order.SequenceEqual(Enumerable.Range(0, order.Length))
                && graph.CanReplace(node.Output, node.Input(0)))
            {
                log.Add(Name, node.Name, "removed: it changes nothing");
                graph.ReplaceUses(node.Output, node.Input(0));
                graph.RemoveNode(node);
            }
        }

        graph.RemoveDeadNodes();
    }

    private static int[]? Order(GraphNode node) => node.Attributes.GetInt32s("perm")
        ?? (node.Input(0).Shape is { } shape ? [.. Enumerable.Range(0, shape.Rank).Reverse()] : null);
}
