// Softmax, LogSoftmax and LRN.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Normalizations that are primitives.</summary>
internal sealed class NormalizationLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } = ["Softmax", "LogSoftmax", "LRN"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0);
        GraphAttributes attributes = node.Attributes;
        if (source.Edge.Type != DataType.Float32)
            context.EmitHost(node, $"no primitive computes it on {source.Edge.Type.ToShortName()}");
        else if (node.Is("LRN"))
            context.Emit(node, new LrnSpec(attributes.GetInt32("size"), attributes.GetSingle("alpha", 1e-4f), attributes.GetSingle("beta", 0.75f), attributes.GetSingle("bias", 1)), source);
        else
            context.Emit(node, new SoftmaxSpec(NodeOperands.Of(node).AxisAttribute(-1, source.Shape.Rank), node.Is("LogSoftmax")), source);
    }
}
