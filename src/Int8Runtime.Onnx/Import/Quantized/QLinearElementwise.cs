// Quantized element-wise operators, Concat, Softmax and Where as dequantize → operator → quantize.
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Import.Upgrades;

namespace Int8Runtime.Onnx.Import.Quantized;

/// <summary>Element-wise operators of quantized operands; every tensor is followed by its scale and zero
/// point.</summary>
internal static class QLinearElementwise
{
    public static void Add(NodeDraft node, ImportContext context) => Binary(node, context, "Add");

    public static void Mul(NodeDraft node, ImportContext context) => Binary(node, context, "Mul");

    public static void Sigmoid(NodeDraft node, ImportContext context) => Unary(node, context, "Sigmoid");

    public static void LeakyRelu(NodeDraft node, ImportContext context) => Unary(node, context, "LeakyRelu");

    /// <summary>The attribute <c>opset</c> says whose meaning of the axis counts.</summary>
    public static void Softmax(NodeDraft node, ImportContext context)
    {
        GraphValue source = QuantizedOperands.Dequantize(node, context, 0);
        int axis = node.Attributes.GetInt32("axis", -1);
        bool flattens = node.Attributes.GetInteger("opset", 13) < 13 && axis != -1 && axis != ImportContext.RankOf(node.Input(0)) - 1;
        GraphValue result = flattens
            ? SoftmaxUpgrade.Flattened(node, context, "Softmax", source, axis)
            : context.Operation("Softmax", node.Name + ":real", [source], new GraphAttributes { { "axis", axis } });
        QuantizedOperands.Quantize(node, context, result, 3, node.OptionalInput(2));
    }

    /// <summary>Inputs y_scale, y_zero_point, then tensor, scale, zero point of each part.</summary>
    public static void Concat(NodeDraft node, ImportContext context)
    {
        if (node.Inputs.Count < 5 || node.Inputs.Count % 3 != 2)
            throw new ModelFormatException(
                $"{node.Subject} has {node.Inputs.Count} inputs, but needs two and three for each part. Export it "
                + "again.");
        var parts = new GraphValue?[(node.Inputs.Count - 2) / 3];
        for (int i = 0; i < parts.Length; i++)
            parts[i] = QuantizedOperands.Dequantize(node, context, 2 + 3 * i);
        GraphValue result = context.Operation("Concat", node.Name + ":real", parts, node.Attributes);
        QuantizedOperands.Quantize(node, context, result, 0, node.OptionalInput(4));
    }

    /// <summary>Inputs condition, x, x_scale, x_zero_point, y, y_scale, y_zero_point, z_scale, z_zero_point.</summary>
    public static void Where(NodeDraft node, ImportContext context)
    {
        GraphValue whenTrue = QuantizedOperands.Dequantize(node, context, 1);
        GraphValue whenFalse = QuantizedOperands.Dequantize(node, context, 4);
        GraphValue result = context.Operation("Where", node.Name + ":real", [node.Input(0), whenTrue, whenFalse]);
        QuantizedOperands.Quantize(node, context, result, 7, node.OptionalInput(3));
    }

    private static void Binary(NodeDraft node, ImportContext context, string opType)
    {
        GraphValue left = QuantizedOperands.Dequantize(node, context, 0);
        GraphValue right = QuantizedOperands.Dequantize(node, context, 3);
        GraphValue result = context.Operation(opType, node.Name + ":real", [left, right]);
        QuantizedOperands.Quantize(node, context, result, 6, node.OptionalInput(2));
    }

    private static void Unary(NodeDraft node, ImportContext context, string opType)
    {
        GraphValue source = QuantizedOperands.Dequantize(node, context, 0);
        GraphValue result = context.Operation(opType, node.Name + ":real", [source], node.Attributes);
        QuantizedOperands.Quantize(node, context, result, 3, node.OptionalInput(2));
    }
}
