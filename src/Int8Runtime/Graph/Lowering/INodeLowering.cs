// The contract of the classes that turn nodes into operations.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Turns the nodes of some operators into operations.</summary>
internal interface INodeLowering
{
    /// <summary>The operators that it takes, by <see cref="OperatorDomains.KeyOf(GraphNode)"/>.</summary>
    IReadOnlyList<string> OpTypes { get; }

    /// <summary>Emits the operations of a node, or hands it to the portable evaluator with a reason.</summary>
    void Lower(GraphNode node, LoweringContext context);
}
