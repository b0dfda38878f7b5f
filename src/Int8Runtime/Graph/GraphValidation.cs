// The invariants of a graph, checked after import and between passes.
namespace Int8Runtime.Graph;

/// <summary>Checks of a whole graph.</summary>
internal static class GraphValidation
{
    public static void Check(ModelGraph graph)
    {
        var defined = new HashSet<GraphValue>(graph.Inputs);
        defined.UnionWith(graph.Values.Where(v => v.IsConstant));
        HashSet<GraphValue>? later = null;   // outputs of all nodes, to tell disorder from absence
        foreach (GraphNode node in graph.Nodes)
        {
            for (int i = 0; i < node.Inputs.Count; i++)
            {
                if (node.Inputs[i] is not { } input)
                    continue;
                if (!defined.Contains(input))
                {
                    later ??= [.. graph.Nodes.SelectMany(n => n.Outputs)];
                    throw new ModelFormatException(later.Contains(input)
                        ? $"{node} uses '{input.Name}' before it is defined: the nodes are out of order or the graph "
                            + "has a cycle."
                        : $"{node}: input '{input.Name}' is defined by no node, constant or graph input. The model is "
                            + "damaged; export it again.");
                }
                if (!input.Uses.Contains(new GraphUse(node, i)))
                    throw new ModelFormatException(
                        $"{node}: input {i} is not recorded among the uses of '{input.Name}'.");
            }
            foreach (GraphValue output in node.Outputs)
            {
                if (output.Producer != node)
                    throw new ModelFormatException($"{node} is not recorded as the producer of '{output.Name}'.");
                defined.Add(output);
            }
        }
        foreach (GraphValue output in graph.Outputs)
        {
            if (!defined.Contains(output))
            {
                throw new ModelFormatException(
                    $"The graph output '{output.Name}' is defined by no node, constant or graph input. The model is "
                    + "damaged; export it again.");
            }
        }
    }
}
