// Resize of operator sets 10 to 12 and its predecessor Upsample.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Upgrades;

/// <summary>Upgrades to the present Resize with inputs X, roi, scales, sizes.</summary>
internal static class ResizeUpgrade
{
    /// <summary>Upsample takes its scales from an attribute (7) or an input (9).</summary>
    public static void Upsample(NodeDraft node, ImportContext context)
    {
        GraphValue? scales = node.OptionalInput(1);
        if (scales is null)
        {
            float[] values = node.Attributes.GetSingles("scales")
                ?? throw new ModelFormatException(
                    $"{node.Subject}: the scales are missing. The model is damaged; export it again.");
            scales = context.Constant(node.Name + ":scales", TensorData.Vector<float>(values));
        }
        EmitAsymmetric(node, context, scales);
    }

    /// <summary>Resize 10 has inputs X, scales; from 11 on empty tensors stand for inputs that are left out.</summary>
    public static void Resize(NodeDraft node, ImportContext context)
    {
        if (context.OperatorSet == 10)
        {
            EmitAsymmetric(node, context, node.Input(1));
            return;
        }
        for (int i = 1; i < node.Inputs.Count; i++)
        {
            if (node.Inputs[i]?.Constant is { ElementCount: 0 })
                node.Inputs[i] = null;
        }
        context.Emit(node);
    }

    // The old operators scale coordinates without an offset and round down.
    private static void EmitAsymmetric(NodeDraft node, ImportContext context, GraphValue scales)
    {
        string mode = node.Attributes.GetString("mode", "nearest");
        context.EmitAs(node, "Resize", [node.Input(0), null, scales], new GraphAttributes
        {
            { "mode", mode is "bilinear" ? "linear" : mode },
            { "coordinate_transformation_mode", "asymmetric" },
            { "nearest_mode", "floor" },
        });
    }
}
