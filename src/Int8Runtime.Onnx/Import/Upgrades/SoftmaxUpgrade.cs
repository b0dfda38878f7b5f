// Softmax and LogSoftmax before operator set 13 work on the input flattened to two dimensions at `axis`.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Upgrades;

/// <summary>Upgrade of Softmax and LogSoftmax.</summary>
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
        EmitFlattened(node, context, node.OpType, source, axis);
    }

    /// <summary>Emits the flattening form of <paramref name="opType"/> for any node whose output it defines.</summary>
    public static void EmitFlattened(NodeDraft node, ImportContext context, string opType, GraphValue source, int axis)
    {
        var overLastAxis = new GraphAttributes { { "axis", -1 } };
        if (axis == -1 || axis == ImportContext.RankOf(source) - 1)
        {
            context.EmitAs(node, opType, [source], overLastAxis);
            return;
        }
        GraphValue shape = context.Operation("Shape", node.Name + ":shape", [source]);
        GraphValue flat = context.Operation("Flatten", node.Name + ":flat", [source], new GraphAttributes { { "axis", axis } });
        GraphValue result = context.Operation(opType, node.Name + ":softmax", [flat], overLastAxis);
        context.EmitAs(node, "Reshape", [result, shape]);
    }
}
