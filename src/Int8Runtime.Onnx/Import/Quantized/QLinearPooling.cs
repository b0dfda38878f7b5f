// Quantized average pooling and mean as dequantize → operator → quantize.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Quantized;

/// <summary>Averages of a quantized operand; inputs x, x_scale, x_zero_point, y_scale, y_zero_point.</summary>
internal static class QLinearPooling
{
    public static void Average(NodeDraft node, ImportContext context) => Pool(node, context, "AveragePool");

    public static void GlobalAverage(NodeDraft node, ImportContext context) => Pool(node, context, "GlobalAveragePool");

    public static void ReduceMean(NodeDraft node, ImportContext context)
    {
        GraphValue source = QuantizedOperands.Dequantize(node, context, 0);
        GraphValue? axes = node.Attributes.GetIntegers("axes") is { } values ? context.Integers(node.Name + ":axes", values) : null;
        node.Attributes.Remove("axes");
        GraphValue result = context.Operation("ReduceMean", node.Name + ":real", [source, axes], node.Attributes);
        QuantizedOperands.Quantize(node, context, result, 3, node.OptionalInput(2));
    }

    private static void Pool(NodeDraft node, ImportContext context, string opType)
    {
        bool channelsLast = node.Attributes.GetBoolean("channels_last");
        node.Attributes.Remove("channels_last");
        GraphValue source = QuantizedOperands.Dequantize(node, context, 0);
        if (channelsLast)
            source = ChannelsLast.ToFirst(node, context, source);
        GraphValue result = context.Operation(opType, node.Name + ":real", [source], node.Attributes);
        if (channelsLast)
            result = ChannelsLast.FromFirst(node, context, result);
        QuantizedOperands.Quantize(node, context, result, 3, node.OptionalInput(2));
    }
}
