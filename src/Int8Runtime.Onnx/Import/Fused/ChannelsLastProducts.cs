// Operators of com.microsoft whose data has its channels last.
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Import.Quantized;

namespace Int8Runtime.Onnx.Import.Fused;

/// <summary>NhwcConv, NhwcFusedConv and NhwcMaxPool as the standard operator between two transposes, which cost nothing where
/// the compiler keeps channels last.</summary>
internal static class ChannelsLastProducts
{
    public static void Conv(NodeDraft node, ImportContext context) => FusedProducts.Conv(Around(node, context, 0, 3), context);

    public static void MaxPool(NodeDraft node, ImportContext context)
    {
        NodeDraft inner = Around(node, context, 0);
        inner.OpType = "MaxPool";
        inner.Domain = "";
        context.Emit(inner);
    }

    // The same node on data with channels first.
    private static NodeDraft Around(NodeDraft node, ImportContext context, params ReadOnlySpan<int> inputs)
    {
        var inner = new NodeDraft(node.Name, node.OpType, node.Domain, node.Attributes);
        inner.Inputs.AddRange(node.Inputs);
        foreach (int input in inputs)
        {
            if (node.OptionalInput(input) is { } value)
                inner.Inputs[input] = ChannelsLast.ToFirst(node, context, value);
        }

        GraphValue result = context.Graph.AddValue(context.Graph.UniqueValueName(node.Name + ":result"));
        inner.Outputs.Add(result);
        context.Graph.AddNode(
            "Transpose", [result], [node.Outputs[0]], new GraphAttributes { { "perm", new long[] { 0, 2, 3, 1 } } }, node.Name + ":nhwc");
        return inner;
    }
}
