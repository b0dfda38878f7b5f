// Softmax, LogSoftmax, LRN, and normalizations by mean and variance.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Normalizations that are primitives.</summary>
internal sealed class NormalizationLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } =
        ["Softmax", "LogSoftmax", "LRN", "LayerNormalization", "GroupNormalization", "InstanceNormalization"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0);
        GraphAttributes attributes = node.Attributes;
        if (source.Edge.Type != DataType.Float32)
            context.EmitHost(node, $"no primitive computes it on {source.Edge.Type.ToShortName()}");
        else if (node.Is("LayerNormalization"))
            LowerLayerNormalization(node, context, source);
        else if (node.OpType is "GroupNormalization" or "InstanceNormalization")
            LowerGroupNormalization(node, context, source);
        else if (node.Is("LRN"))
            context.Emit(node, new LrnSpec(attributes.GetInt32("size"), attributes.GetSingle("alpha", 1e-4f),
                attributes.GetSingle("beta", 0.75f), attributes.GetSingle("bias", 1)), source);
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

    // Instance normalization is that of groups of one channel.
    private static void LowerGroupNormalization(GraphNode node, LoweringContext context, Operand source)
    {
        Operand scale = context.OperandOf(node, 1), shift = context.OperandOf(node, 2);
        int channels = source.Shape.Rank < 2 ? 0 : source.Shape[1];
        int groups = node.Is("InstanceNormalization") ? channels : node.Attributes.GetInt32("num_groups", 1);
        Shape parameters = [channels];
        if (source.Shape.Rank is < 2 or > 5 || source.Shape.ElementCount == 0 || groups < 1 || channels % groups != 0)
            context.EmitHost(node, $"no primitive normalizes {source.Shape} in {groups} groups");
        else if (scale.Shape != parameters || shift.Shape != parameters)
            context.EmitHost(node, $"scale or bias do not have the shape {parameters}");
        else
            context.Emit(node, new GroupNormalizationSpec(groups, node.Attributes.GetSingle("epsilon", 1e-5f)), source, scale, shift);
    }

    private static Operand? OptionalOperand(GraphNode node, LoweringContext context, int index) =>
        index < node.Inputs.Count && node.Inputs[index] is not null ? context.OperandOf(node, index) : null;
}
