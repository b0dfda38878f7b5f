// Convolutions that are computed together.
namespace Int8Runtime.Graph.Lowering;

/// <summary>
/// Convolutions of which each is the only reader of the one before, to be computed in bands of rows; see
/// <see cref="Fusion.BandFusion"/>. They follow each other in the graph.
/// </summary>
/// <param name="Operations">The convolutions, at least two.</param>
internal sealed record OperationChain(IReadOnlyList<Operation> Operations)
{
    /// <summary>Whether an operation of the chain other than <paramref name="except"/> reads one of these tensors.</summary>
    public bool Reads(Func<Edge, bool> tensor, Operation? except) =>
        Operations.Any(o => o != except && o.Operands.Any(operand => operand is not null && tensor(operand.Edge)));
}
