// Questions about operands that several lowerings and passes ask.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Facts about operands.</summary>
internal static class OperandFacts
{
    /// <summary>Whether the content is known when the model is compiled: a constant, or a constant that is dequantized.</summary>
    public static bool IsKnown(this Operand operand) => operand.Edge.Constant is not null
        || operand.Edge.Producer is { Spec: ConvertSpec } convert && convert[0].Edge.Constant is not null;

    /// <summary>The integers that a dequantization in front of the operand reads, or null.</summary>
    public static Operand? Dequantized(this Operand operand) =>
        operand is { Quantization: null, Edge.Producer: { Spec: ConvertSpec, OutputQuantization: null } convert }
        && convert[0].Quantization is not null && operand.Edge.Type == DataType.Float32 && convert.PostOps.Count == 0
            ? convert[0]
            : null;

    /// <summary>The real numbers of a constant; null where the operand is not a constant.</summary>
    public static float[]? KnownValues(this Operand operand)
    {
        Operand origin = operand.Dequantized() ?? operand;
        if (origin.Edge.Constant is not { } content || content.ElementType is DataType.Undefined)
            return null;
        return origin.Quantization is { } quantization ? Dequantize(content, quantization) : content.ToSingleArray();
    }

    /// <summary>The single real number of a constant; null where there are more, or where it is not a constant.</summary>
    public static float? KnownScalar(this Operand operand) =>
        operand.Shape.ElementCount == 1 && operand.KnownValues() is { Length: 1 } values ? values[0] : null;

    /// <summary>The real numbers that integers stand for, as f32: <c>(q − zeroPoint)·scale</c>.</summary>
    public static float[] Dequantize(TensorData content, Quantization quantization)
    {
        var values = new float[content.ElementCount];
        Dequantize(content, quantization, values);
        return values;
    }

    /// <summary>The same, written to memory of the caller.</summary>
    public static void Dequantize(TensorData content, Quantization quantization, Span<float> values)
    {
        // Large weights are bytes: no copy of another type is made of them.
        ReadOnlySpan<byte> bytes = quantization.Type.IsInt8() ? content.Bytes.Span : [];
        int[] integers = bytes.IsEmpty ? content.ToInt32Array() : [];
        bool isSigned = quantization.Type == DataType.Int8;
        var view = new QuantizationView(quantization.Scales, quantization.ZeroPoints,
            quantization.Scales.Length == 1 ? -1 : quantization.Axis, quantization.Type) { BlockSize = quantization.BlockSize };
        QuantizationView.ScaleIndices indices = view.IndicesOf(content.Shape);
        for (int i = 0; i < values.Length; i++)
        {
            int channel = indices[i];
            long integer = bytes.IsEmpty ? integers[i] : isSigned ? (sbyte)bytes[i] : bytes[i];
            values[i] = (float)(integer - quantization.ZeroPoints[channel]) * quantization.Scales[channel];
        }
    }
}
