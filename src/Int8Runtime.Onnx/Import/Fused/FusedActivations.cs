// The Gelu family of com.microsoft in standard operators.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Fused;

/// <summary>BiasGelu, FastGelu and QuickGelu.</summary>
internal static class FusedActivations
{
    /// <summary>Gelu of the sum of both inputs.</summary>
    public static void BiasGelu(NodeDraft node, ImportContext context) =>
        context.EmitAs(node, "Gelu", [Sum(node, context)]);

    /// <summary>The tanh approximation of Gelu; the bias is optional.</summary>
    public static void FastGelu(NodeDraft node, ImportContext context) =>
        context.EmitAs(node, "Gelu", [Sum(node, context)], new GraphAttributes { { "approximate", "tanh" } });

    /// <summary>x · sigmoid(alpha · x).</summary>
    public static void QuickGelu(NodeDraft node, ImportContext context)
    {
        GraphValue source = node.Input(0);
        GraphValue alpha = context.Scalar(node.Name + ":alpha", node.Attributes.GetSingle("alpha", 1.702f));
        GraphValue scaled = context.Operation("Mul", node.Name + ":scaled", [source, alpha]);
        GraphValue gate = context.Operation("Sigmoid", node.Name + ":gate", [scaled]);
        context.EmitAs(node, "Mul", [source, gate]);
    }

    private static GraphValue Sum(NodeDraft node, ImportContext context) => node.OptionalInput(1) is { } bias
        ? context.Operation("Add", node.Name + ":biased", [node.Input(0), bias])
        : node.Input(0);
}
