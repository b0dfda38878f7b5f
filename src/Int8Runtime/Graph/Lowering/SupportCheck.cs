// Operators that nothing can compute are reported together, before any work is done.
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Graph.Lowering;

/// <summary>Finds the nodes whose operator has neither a lowering nor a portable form.</summary>
internal static class SupportCheck
{
    /// <exception cref="ModelCompilationException">There are such nodes; the message lists all of them.</exception>
    public static void Run(ModelGraph graph)
    {
        NodeFailure[] unknown =
        [
            .. graph.Nodes.Where(n => !NodeLowerings.TryGet(n, out _) && !HostEvaluator.TryGet(n, out _))
                .Select(n => new NodeFailure(n.Name, n.OpType,
                    $"the operator {(n.Domain.Length == 0 ? "" : n.Domain + ".")}{n.OpType} is not supported")),
        ];
        if (unknown.Length > 0)
            throw new ModelCompilationException(graph.Name, unknown);
    }
}
