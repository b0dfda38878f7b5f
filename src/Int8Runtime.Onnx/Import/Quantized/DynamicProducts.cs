// Matrix products whose left operand is quantized at run time, and integer products with a real result.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Quantized;

/// <summary>Decomposition into DynamicQuantizeLinear, DequantizeLinear, MatMul and Add.</summary>
internal static class DynamicProducts
{
    /// <summary>Inputs a (real), b, b_scale, [b_zero_point], [bias].</summary>
    public static void DynamicQuantizeMatMul(NodeDraft node, ImportContext context)
    {
        GraphValue quantized = context.Graph.AddValue(context.Graph.UniqueValueName(node.Name + ":a"));
        GraphValue scale = context.Graph.AddValue(context.Graph.UniqueValueName(node.Name + ":a_scale"));
        GraphValue zeroPoint = context.Graph.AddValue(context.Graph.UniqueValueName(node.Name + ":a_zero_point"));
        context.Graph.AddNode("DynamicQuantizeLinear", [node.Input(0)], [quantized, scale, zeroPoint]);
        GraphValue left = QuantizedOperands.Dequantize(node, context, quantized, scale, zeroPoint);
        GraphValue right = QuantizedOperands.Dequantize(node, context, 1, axis: -1);
        EmitProduct(node, context, left, right, node.OptionalInput(4));
    }

    /// <summary>Inputs a, b, a_scale, b_scale, [a_zero_point], [b_zero_point], [bias].</summary>
    public static void MatMulIntegerToFloat(NodeDraft node, ImportContext context)
    {
        GraphValue left = QuantizedOperands.Dequantize(node, context, node.Input(0), node.Input(2), node.OptionalInput(4), axis: -2);
        GraphValue right = QuantizedOperands.Dequantize(node, context, node.Input(1), node.Input(3), node.OptionalInput(5), axis: -1);
        EmitProduct(node, context, left, right, node.OptionalInput(6));
    }

    private static void EmitProduct(NodeDraft node, ImportContext context, GraphValue left, GraphValue right, GraphValue? bias)
    {
        if (bias is null)
            context.EmitAs(node, "MatMul", [left, right]);
        else
            context.EmitAs(node, "Add", [context.Operation("MatMul", node.Name + ":product", [left, right]), bias]);
    }
}
