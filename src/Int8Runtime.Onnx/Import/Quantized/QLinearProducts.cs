// QLinearConv, QLinearMatMul and QGemm as dequantize → product → quantize.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Quantized;

/// <summary>Products of quantized operands.</summary>
internal static class QLinearProducts
{
    /// <summary>Inputs x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, [bias]; scales of w
    /// per output channel. The com.microsoft form may have its data channels last.</summary>
    public static void Conv(NodeDraft node, ImportContext context)
    {
        bool channelsLast = node.Attributes.GetBoolean("channels_last");
        node.Attributes.Remove("channels_last");
        GraphValue source = QuantizedOperands.Dequantize(node, context, 0);
        GraphValue weights = QuantizedOperands.Dequantize(node, context, 3);
        GraphValue? bias = node.OptionalInput(8) is { } integers
            ? QuantizedOperands.DequantizeBias(node, context, integers, node.Input(1), node.Input(4))
            : null;
        if (channelsLast)
            source = ChannelsLast.ToFirst(node, context, source);
        GraphValue result = context.Operation("Conv", node.Name + ":real", [source, weights, bias], node.Attributes);
        if (channelsLast)
            result = ChannelsLast.FromFirst(node, context, result);
        QuantizedOperands.Quantize(node, context, result, 6, node.OptionalInput(2));
    }

    /// <summary>Inputs a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point; scales of a per row,
    /// of b per column.</summary>
    public static void MatMul(NodeDraft node, ImportContext context)
    {
        GraphValue left = QuantizedOperands.Dequantize(node, context, 0, axis: -2);
        GraphValue right = QuantizedOperands.Dequantize(node, context, 3, axis: -1);
        GraphValue result = context.Operation("MatMul", node.Name + ":real", [left, right]);
        QuantizedOperands.Quantize(node, context, result, 6, node.OptionalInput(2), axis: -1);
    }

    /// <summary>Inputs a, a_scale, a_zero_point, b, b_scale, b_zero_point, [c], [y_scale], [y_zero_point]; without
    /// y_scale the result is real.</summary>
    public static void Gemm(NodeDraft node, ImportContext context)
    {
        float alpha = node.Attributes.GetSingle("alpha", 1);
        GraphValue left = QuantizedOperands.Dequantize(node, context, 0);
        GraphValue right = QuantizedOperands.Dequantize(node, context, 3, axis: node.Attributes.GetBoolean("transB") ? 0 : 1);
        GraphValue? bias = node.OptionalInput(6) is { } integers
            ? QuantizedOperands.DequantizeBias(node, context, integers, node.Input(1), node.Input(4), alpha)
            : null;
        if (node.OptionalInput(7) is null)
        {
            context.EmitAs(node, "Gemm", [left, right, bias], node.Attributes);
            return;
        }
        GraphValue result = context.Operation("Gemm", node.Name + ":real", [left, right, bias], node.Attributes);
        QuantizedOperands.Quantize(node, context, result, 7, node.OptionalInput(2));
    }
}
