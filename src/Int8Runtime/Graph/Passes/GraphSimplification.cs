// The graph passes as one public step, for tools that work on models before they are compiled.
namespace Int8Runtime.Graph.Passes;

/// <summary>Simplifies a model without changing what it computes.</summary>
public static class GraphSimplification
{
    /// <summary>
    /// Returns a copy in which constants are folded, paddings and normalizations are part of their convolutions, and nodes
    /// that do nothing are gone: the form in which a quantizer should see a model.
    /// </summary>
    public static ModelGraph Simplify(ModelGraph model)
    {
        ArgumentNullException.ThrowIfNull(model);
        ModelGraph graph = model.Clone();
        var log = new PassLog();
        foreach (IGraphPass pass in GraphPasses.All)
            pass.Run(graph, log);
        return graph;
    }
}
