// Softmax, LogSoftmax and Hardmax before operator set 13 work on the input flattened to two dimensions at `axis`.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Upgrades;

/// <summary>Upgrade of Softmax, LogSoftmax and Hardmax.</summary>
internal static class SoftmaxUpgrade
{
    /// <summary>Emits the node over its last axis where that means the same, otherwise between Flatten and
    /// Reshape.</summary>
    public static void Import(NodeDraft node, ImportContext context)
    {
        if (context.OperatorSet >= 13)
        {
            context.Emit(node);
            return;
        }
        GraphValue source = node.Input(0);
        int axis = node.Attributes.GetInt32("axis", 1);
        if (axis == -1 || axis == ImportContext.RankOf(source) - 1)
        {
            context.EmitAs(node, node.OpType, [source], new GraphAttributes { { "axis", -1 } });
            return;
        }

        GraphValue shape = ShapeOf(node, context, source);
        context.EmitAs(node, "Reshape", [OnRows(node, context, node.OpType, source, axis), shape]);
    }

    /// <summary>The flattening form of <paramref name="opType"/>.</summary>
    public static GraphValue Flattened(NodeDraft node, ImportContext context, string opType, GraphValue source, int axis)
    {
        GraphValue shape = ShapeOf(node, context, source);
        return context.Operation("Reshape", node.Name + ":shaped", [OnRows(node, context, opType, source, axis), shape]);
    }

    private static GraphValue ShapeOf(NodeDraft node, ImportContext context, GraphValue source) =>
        context.Operation("Shape", node.Name + ":shape", [source]);

    private static GraphValue OnRows(NodeDraft node, ImportContext context, string opType, GraphValue source, int axis)
    {
        GraphValue flat = context.Operation("Flatten", node.Name + ":flat", [source], new GraphAttributes { { "axis", axis } });
        return context.Operation(opType, node.Name + ":softmax", [flat], new GraphAttributes { { "axis", -1 } });
    }
}
