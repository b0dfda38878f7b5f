// From a model graph with static shapes to operations.
using Int8Runtime.Graph.Planning;

namespace Int8Runtime.Graph.Lowering;

/// <summary>Lowers every node, and collects those that cannot be computed.</summary>
internal static class GraphLowering
{
    /// <summary>Lowers a graph whose shapes are inferred.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="tail">The nodes whose shapes are not known, which are left out; what they read becomes a result.</param>
    /// <exception cref="ModelCompilationException">Nodes cannot be lowered; the message lists all of them.</exception>
    public static OperationGraph Lower(ModelGraph graph, DynamicTail? tail = null)
    {
        var context = new LoweringContext(new OperationGraph());
        var failures = new List<NodeFailure>();
        foreach (GraphValue input in graph.Inputs)
            context.DefineInput(input);
        foreach (GraphNode node in graph.Nodes.Where(n => tail is null || !tail.Nodes.Contains(n)))
        {
            try
            {
                Lower(node, context);
            }
            catch (Exception exception) when (exception is NodeLoweringException or ModelFormatException)
            {
                failures.Add(new NodeFailure(node.Name, node.OpType, exception.Message));
                foreach (GraphValue output in node.Outputs)
                    context.DefineFailed(output);
            }
        }

        if (failures.Count > 0)
            throw new ModelCompilationException(graph.Name, failures);
        IEnumerable<GraphValue> outputs = tail is null
            ? graph.Outputs
            : graph.Outputs.Except(tail.Outputs).Union(tail.Sources.Where(s => !s.IsGraphInput));
        foreach (GraphValue output in outputs)
        {
            Edge edge = context.EdgeOf(output);
            edge.IsOutput = true;
            context.Operations.Outputs.Add(new OutputPort(output.Name, edge));
        }

        context.Operations.RemoveDead();
        return context.Operations;
    }

    private static void Lower(GraphNode node, LoweringContext context)
    {
        if (NodeLowerings.TryGet(node, out INodeLowering? lowering))
            lowering.Lower(node, context);
        else
            context.EmitHost(node, "the operator has no primitive");
    }
}
