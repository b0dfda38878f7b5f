// Gelu that exporters write as several operators.
namespace Int8Runtime.Graph.Passes;

/// <summary>
/// <c>x/2·(1 + erf(x/√2))</c> and <c>x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))</c>, with the factors in any order, become Gelu.
/// </summary>
internal sealed class GeluPatterns : IGraphPass
{
    public string Name => "gelu-patterns";

    public void Run(ModelGraph graph, PassLog log)
    {
        foreach (GraphNode curve in graph.Nodes.ToArray())
        {
            GraphValue? source = curve.OpType switch
            {
                "Erf" => ErfArgument(curve.Input(0).Producer),
                "Tanh" => TanhArgument(curve.Input(0).Producer),
                _ => null,
            };
            if (source is null || curve.Output.SoleConsumer is not { } sum || sum.BesideNumber("Add", 1) is null
                || End(sum, source) is not { } end)
                continue;
            var attributes = new GraphAttributes();
            if (curve.Is("Tanh"))
                attributes.Add("approximate", "tanh");
            graph.Replace(end, "Gelu", [source], attributes);
            log.Add(Name, end.Name, $"Gelu of the nodes around {curve.Name}");
        }

        graph.RemoveDeadNodes();
    }

    private static GraphValue? ErfArgument(GraphNode? node) =>
        node.BesideNumber("Div", Math.Sqrt(2)) ?? node.BesideNumber("Mul", Math.Sqrt(0.5));

    private static GraphValue? TanhArgument(GraphNode? node)
    {
        if (node.BesideNumber("Mul", Math.Sqrt(2 / Math.PI))?.Producer is not { } sum || !sum.Is("Add") || sum.Inputs.Count != 2)
            return null;
        foreach (GraphValue source in sum.Inputs.OfType<GraphValue>())
        {
            if (sum.Beside(source)?.Producer.BesideNumber("Mul", 0.044715)?.Producer.IsPower(source, 3) == true)
                return source;
        }

        return null;
    }

    // The product behind the sum that holds x and one half as its other factors.
    private static GraphNode? End(GraphNode sum, GraphValue source)
    {
        bool hasHalf = false, hasSource = false;
        GraphNode? node = sum;
        while (node is not null && !(hasHalf && hasSource))
        {
            GraphValue value = node.Output;
            node = value.SoleConsumer;
            if (node is null || !node.Is("Mul") || node.Beside(value) is not { } factor)
                return null;
            if (!hasHalf && factor.Number() is { } number && ConstantOperands.IsNear(number, 0.5))
                hasHalf = true;
            else if (!hasSource && factor == source)
                hasSource = true;
            else if (!hasHalf && !hasSource && factor.Producer.BesideNumber("Mul", 0.5) == source)
                (hasHalf, hasSource) = (true, true);
            else
                return null;
        }

        return node;
    }
}
