// Transposes around operators whose data has its channels last.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Quantized;

/// <summary>Layout changes of four-dimensional data (the only rank for which exporters use channels-last
/// operators).</summary>
internal static class ChannelsLast
{
    /// <summary>N, H, W, C → N, C, H, W.</summary>
    public static GraphValue ToFirst(NodeDraft node, ImportContext context, GraphValue value) =>
        context.Operation("Transpose", node.Name + ":nchw", [value], new GraphAttributes { { "perm", new long[] { 0, 3, 1, 2 } } });

    /// <summary>N, C, H, W → N, H, W, C.</summary>
    public static GraphValue FromFirst(NodeDraft node, ImportContext context, GraphValue value) =>
        context.Operation("Transpose", node.Name + ":nhwc", [value], new GraphAttributes { { "perm", new long[] { 0, 2, 3, 1 } } });
}
