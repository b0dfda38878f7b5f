// Operands of operators that carry their scales: as DequantizeLinear before, and QuantizeLinear behind, a float
// operator. One lowering of quantize/dequantize pairs then serves every quantized form of a model.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Quantized;

/// <summary>Helpers of the decompositions.</summary>
internal static class QuantizedOperands
{
    /// <summary>The real value of the operand at <paramref name="index"/>, whose scale and zero point follow
    /// it.</summary>
    /// <param name="node">The node.</param>
    /// <param name="context">The graph.</param>
    /// <param name="index">Index of the tensor; scale and zero point are the next two inputs.</param>
    /// <param name="axis">The axis of scales that are no scalar.</param>
    public static GraphValue Dequantize(NodeDraft node, ImportContext context, int index, int axis = 0) =>
        Dequantize(node, context, node.Input(index), node.Input(index + 1), node.OptionalInput(index + 2), axis);

    /// <summary>The real value of a tensor.</summary>
    public static GraphValue Dequantize(
        NodeDraft node, ImportContext context, GraphValue tensor, GraphValue scale, GraphValue? zeroPoint, int axis = 0)
    {
        zeroPoint = MatchCount(node, context, scale, zeroPoint);
        return context.Operation(
            "DequantizeLinear", $"{node.Name}:{tensor.Name}:real",
            [tensor, AsScalar(context, scale), AsScalar(context, zeroPoint)], Axis(axis));
    }

    /// <summary>Defines the first output of the node as the quantized form of <paramref name="real"/>.</summary>
    /// <param name="node">The node.</param>
    /// <param name="context">The graph.</param>
    /// <param name="real">The result before quantization.</param>
    /// <param name="scaleIndex">Index of the output scale among the inputs; the zero point follows.</param>
    /// <param name="sourceZeroPoint">A zero point from whose type the output type follows when the node has
    /// none.</param>
    /// <param name="axis">The axis of scales that are no scalar.</param>
    public static void Quantize(
        NodeDraft node, ImportContext context, GraphValue real, int scaleIndex, GraphValue? sourceZeroPoint, int axis = 0)
    {
        GraphValue scale = node.Input(scaleIndex);
        GraphValue? zeroPoint = node.OptionalInput(scaleIndex + 1);
        if (zeroPoint is null && sourceZeroPoint?.ElementType == DataType.Int8)
            zeroPoint = context.Scalar<sbyte>(node.Name + ":zero_point", 0);
        zeroPoint = MatchCount(node, context, scale, zeroPoint);
        context.EmitAs(node, "QuantizeLinear", [real, AsScalar(context, scale), AsScalar(context, zeroPoint)], Axis(axis));
    }

    /// <summary>The real value of an s32 bias, whose scale is the product of the scales of both factors.</summary>
    public static GraphValue DequantizeBias(
        NodeDraft node, ImportContext context, GraphValue bias, GraphValue sourceScale, GraphValue weightScale, float factor = 1)
    {
        if (sourceScale.Constant is not { ElementCount: 1 } left || weightScale.Constant is not { } right)
        {
            throw new UnsupportedModelException(
                $"{node.Subject} has a bias, but its input scales are not constant. Export the model with static "
                + "quantization.");
        }
        float source = left.ToSingleArray()[0] * factor;
        float[] scales = Array.ConvertAll(right.ToSingleArray(), weight => source * weight);
        TensorData product = TensorData.Create<float>(scales, scales.Length == 1 ? [] : [scales.Length]);
        GraphValue scale = context.Constant(node.Name + ":bias_scale", product);
        return context.Operation("DequantizeLinear", node.Name + ":bias:real", [bias, scale], Axis(0));
    }

    private static GraphAttributes Axis(int axis) => new() { { "axis", axis } };

    // A per-axis scale may come with one zero point for all; DequantizeLinear wants as many as scales.
    private static GraphValue? MatchCount(NodeDraft node, ImportContext context, GraphValue scale, GraphValue? zeroPoint)
    {
        if (scale.Constant is not { } scales || zeroPoint?.Constant is not { } zeros || scales.ElementCount == zeros.ElementCount)
            return zeroPoint;
        if (zeros.ElementCount != 1)
            throw new ModelFormatException(
                $"{node.Subject} has {scales.ElementCount} scales but {zeros.ElementCount} zero points. Export it "
                + "again.");
        byte[] filled = new byte[scales.ElementCount * zeros.ElementType.SizeInBytes()];
        for (int offset = 0; offset < filled.Length; offset += zeros.Bytes.Length)
            zeros.Bytes.Span.CopyTo(filled.AsSpan(offset));
        return context.Constant(zeroPoint.Name, new TensorData(zeros.ElementType, [scales.ElementCount], filled));
    }

    // Scales of one element are written as a vector by some exporters; QuantizeLinear then would want an axis of extent
    // one.
    private static GraphValue? AsScalar(ImportContext context, GraphValue? value) =>
        value?.Constant is { ElementCount: 1, Rank: > 0 } content
        ? context.Constant(value.Name, content.Reshaped([]))
        : value;
}
