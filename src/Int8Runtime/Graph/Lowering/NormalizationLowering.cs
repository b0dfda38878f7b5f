// Softmax, LogSoftmax, LRN, and normalizations by mean and variance.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Normalizations that are primitives.</summary>
internal sealed class NormalizationLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } = ["Softmax", "LogSoftmax", "LRN", "LayerNormalization"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0);
        GraphAttributes attributes = node.Attributes;
        if (source.Edge.Type != DataType.Float32)
            context.EmitHost(node, $"no primitive computes it on {source.Edge.Type.ToShortName()}");
        else if (node.Is("LayerNormalization"))
            LowerLayerNormalization(node, context, source);
        else if (node.Is("LRN"))
            context.Emit(node, new LrnSpec(attributes.GetInt32("size"), attributes.GetSingle("alpha", 1e-4f), attributes.GetSingle("beta", 0.75f), attributes.GetSingle("bias", 1)), source);
        else
            context.Emit(node, new SoftmaxSpec(NodeOperands.Of(node).AxisAttribute(-1, source.Shape.Rank), node.Is("LogSoftmax")), source);
    }

    private static void LowerLayerNormalization(GraphNode node, LoweringContext context, Operand source)
    {
        int axis = NodeOperands.Of(node).AxisAttribute(-1, source.Shape.Rank);
        Operand scale = context.OperandOf(node, 1);
        Operand? shift = OptionalOperand(node, context, 2);
        Shape parameters = source.Shape.Slice(axis, source.Shape.Rank - axis);
        if (node.Outputs.Skip(1).Any(o => o.Uses.Count > 0 || o.IsGraphOutput))
            context.EmitHost(node, "the statistics are used");
        else if (scale.Shape != parameters || (shift is not null && shift.Shape != parameters))
            context.EmitHost(node, $"scale or bias do not have the shape {parameters}");
        else
            context.Emit(node, new LayerNormalizationSpec(axis, node.Attributes.GetSingle("epsilon", 1e-5f)), source, scale, shift);
    }

    private static Operand? OptionalOperand(GraphNode node, LoweringContext context, int index) =>
        index < node.Inputs.Count && node.Inputs[index] is not null ? context.OperandOf(node, index) : null;
}
