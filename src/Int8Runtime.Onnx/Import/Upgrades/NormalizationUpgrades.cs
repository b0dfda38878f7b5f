// Normalisation operators: forms of training and of old operator sets that mean nothing, or something else, in
// inference.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Upgrades;

/// <summary>Upgrades of BatchNormalization, Dropout and GroupNormalization.</summary>
internal static class NormalizationUpgrades
{
    /// <summary>Keeps the inference form: epsilon only, one output.</summary>
    public static void BatchNormalization(NodeDraft node, ImportContext context)
    {
        if (node.Attributes.GetBoolean("training_mode"))
            throw new UnsupportedModelException($"{node.Subject} is in training mode. Export the model for inference.");
        if (!node.Attributes.GetBoolean("spatial", true))
            throw new UnsupportedModelException(
                $"{node.Subject} normalises per element (spatial = 0), which is not supported.");
        node.Attributes.Remove("spatial");
        node.Attributes.Remove("momentum");
        node.Attributes.Remove("training_mode");
        DropUnusedOutputs(node);
        context.Emit(node);
    }

    /// <summary>The ratio of Dropout plays no part in inference.</summary>
    public static void Dropout(NodeDraft node, ImportContext context)
    {
        node.Attributes.Remove("ratio");
        node.Attributes.Remove("seed");
        context.Emit(node);
    }

    /// <summary>Before 21 scale and bias had one element per group instead of one per channel.</summary>
    public static void GroupNormalization(NodeDraft node, ImportContext context)
    {
        if (context.OperatorSet < 21)
        {
            throw new UnsupportedModelException(
                $"{node.Subject}: GroupNormalization of operator set {context.OperatorSet} is not supported. Export "
                + "the model with operator set 21.");
        }
        context.Emit(node);
    }

    // Before 14 there were up to four more outputs, for training; exporters list them although nothing reads them.
    private static void DropUnusedOutputs(NodeDraft node)
    {
        if (node.Outputs.Count > 1)
            node.Outputs.RemoveRange(1, node.Outputs.Count - 1);
    }
}
