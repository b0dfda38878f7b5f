// Structural clean-up: nodes that pass their operand on, and nodes that compute the same twice.
namespace Int8Runtime.Graph.Passes;

/// <summary>Passes that shrink a graph without changing what it computes.</summary>
public static class GraphCleanup
{
    /// <summary>Runs <see cref="RemovePassThrough"/>, <see cref="MergeDuplicates"/> and dead-code removal.</summary>
    /// <returns>The number of nodes removed.</returns>
    public static int Run(ModelGraph graph) =>
        RemovePassThrough(graph) + MergeDuplicates(graph) + graph.RemoveDeadNodes();

    /// <summary>Removes Identity, Dropout without mask, and Cast to the type that the operand has.</summary>
    /// <returns>The number of nodes removed.</returns>
    public static int RemovePassThrough(ModelGraph graph)
    {
        int removed = 0;
        foreach (GraphNode node in graph.Nodes.ToArray())
        {
            if (!IsPassThrough(node) || !graph.CanReplace(node.Output, node.Input(0)))
                continue;
            // A constant under an output's name would be an output that no run writes.
            if (node.Output.IsGraphOutput && node.Input(0).IsConstant)
                continue;
            graph.ReplaceUses(node.Output, node.Input(0));
            graph.RemoveNode(node);
            removed++;
        }
        return removed;
    }

    /// <summary>Merges small constants of equal content, and nodes of the same operator, attributes and
    /// operands.</summary>
    /// <returns>The number of nodes removed.</returns>
    public static int MergeDuplicates(ModelGraph graph)
    {
        MergeConstants(graph);
        int removed = 0;
        var seen = new Dictionary<int, List<GraphNode>>();
        foreach (GraphNode node in graph.Nodes.ToArray())
        {
            if (!IsDeterministic(node))
                continue;
            int key = KeyOf(node);
            if (!seen.TryGetValue(key, out List<GraphNode>? candidates))
                seen.Add(key, candidates = []);
            GraphNode? twin = candidates.Find(c => AreEqual(c, node));
            if (twin is null)
            {
                candidates.Add(node);
            }
            else if (node.Outputs.Zip(twin.Outputs).All(pair => graph.CanReplace(pair.First, pair.Second)))
            {
                foreach ((GraphValue output, GraphValue replacement) in node.Outputs.Zip(twin.Outputs))
                    graph.ReplaceUses(output, replacement);
                graph.RemoveNode(node);
                removed++;
            }
        }
        return removed;
    }

    private static bool IsPassThrough(GraphNode node)
    {
        if (node.Domain.Length > 0 || node.OptionalInput(0) is not { } source)
            return false;
        return node.OpType switch
        {
            "Identity" => true,
            "Dropout" => IsInference(node) && node.Outputs.Skip(1).All(o => o.Uses.Count == 0 && !o.IsGraphOutput),
            "Cast" => source.ElementType != DataType.Undefined
                && ElementTypeCodes.ToCode(source.ElementType) == node.Attributes.GetInteger("to"),
            _ => false,
        };
    }

    private static bool IsInference(GraphNode node) =>
        node.OptionalInput(2) is not { } training || training.Constant is { ElementCount: 1 } mode && mode.ToInt64Array()[0] == 0;

    private static void MergeConstants(ModelGraph graph)
    {
        const int SmallInBytes = 256;   // scales, zero points and shapes; weights are not worth comparing
        var seen = new Dictionary<(DataType, Shape, string), GraphValue>();
        GraphValue[] constants = [.. graph.Values.Where(v => v.Constant?.ByteCount <= SmallInBytes && !v.IsGraphOutput)];
        foreach (GraphValue value in constants.OrderBy(v => v.Name, StringComparer.Ordinal))
        {
            TensorData content = value.Constant!;
            var key = (content.ElementType, content.Shape, Convert.ToHexString(content.Bytes.Span));
            if (!seen.TryAdd(key, value))
                graph.ReplaceUses(value, seen[key]);
        }
    }

    private static bool IsDeterministic(GraphNode node) =>
        !node.OpType.StartsWith("Random", StringComparison.Ordinal) && node.OpType is not ("Bernoulli" or "Multinomial" or "Dropout");

    private static int KeyOf(GraphNode node)
    {
        var hash = new HashCode();
        hash.Add(node.OpType);
        foreach (GraphValue? input in node.Inputs)
            hash.Add(input);
        return hash.ToHashCode();
    }

    private static bool AreEqual(GraphNode left, GraphNode right) =>
        left.OpType == right.OpType && left.Domain == right.Domain && left.Outputs.Count == right.Outputs.Count
        && left.Inputs.SequenceEqual(right.Inputs) && left.Attributes.ContentEquals(right.Attributes);
}
