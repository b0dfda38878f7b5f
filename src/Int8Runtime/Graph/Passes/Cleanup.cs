// Constants are folded, nodes that do nothing and twins are removed.
namespace Int8Runtime.Graph.Passes;

/// <summary>Constant folding and structural clean-up.</summary>
internal sealed class Cleanup : IGraphPass
{
    public string Name => "cleanup";

    public void Run(ModelGraph graph, PassLog log)
    {
        int folded = ConstantFolding.Run(graph), removed = GraphCleanup.Run(graph);
        if (folded + removed > 0)
            log.Add(Name, graph.Name, $"{folded} nodes folded, {removed} removed");
    }
}
