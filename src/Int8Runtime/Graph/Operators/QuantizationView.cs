// QuantizeLinear and DequantizeLinear.
namespace Int8Runtime.Graph;

/// <summary>Scales and zero points of a QuantizeLinear or DequantizeLinear node: real = scale · (integer − zero
/// point).</summary>
/// <param name="Scales">One scale, or one per index of the axis.</param>
/// <param name="ZeroPoints">As many zero points as scales.</param>
/// <param name="Axis">The axis, or −1 when there is one scale for the whole tensor.</param>
/// <param name="IntegerType">The element type of the quantized side.</param>
public sealed record QuantizationView(IReadOnlyList<float> Scales, IReadOnlyList<int> ZeroPoints, int Axis, DataType IntegerType)
{
    /// <summary>Whether one scale serves the whole tensor.</summary>
    public bool IsPerTensor => Axis < 0;

    /// <summary>Reads a node whose scale and zero point are known.</summary>
    /// <exception cref="UnsupportedModelException">Scale or zero point is computed at run time, or the scales are per
    /// block.</exception>
    public static QuantizationView Of(NodeOperands operands)
    {
        float[] scales = operands.KnownValue(1, "scale").ToSingleArray();
        long[]? zeros = operands.Integers(2, "zero point");
        if (operands[1].Rank > 1 || operands.Attributes.GetInteger("block_size") != 0)
            throw new UnsupportedModelException(
                $"{operands.Node} has scales per block, which is not supported. Quantize per tensor or per axis.");
        int axis = -1;
        if (scales.Length != 1)
        {
            axis = operands.AxisAttribute(1, operands[0].Rank);
            if (operands[0].Shape[axis] != scales.Length)
                throw operands.Defect($"{scales.Length} scales do not fit axis {axis} of {operands[0].Shape}");
        }
        if (zeros is not null && zeros.Length != scales.Length)
            throw operands.Defect($"there are {scales.Length} scales but {zeros.Length} zero points");
        return new QuantizationView(
            scales, zeros is null
                ? new int[scales.Length]
                : Array.ConvertAll(zeros, z => (int)z), axis, IntegerTypeOf(operands));
    }

    /// <summary>The element type on the quantized side of a node.</summary>
    public static DataType IntegerTypeOf(NodeOperands operands)
    {
        if (operands.Node.OpType == "DequantizeLinear")
            return operands[0].ElementType;
        if (operands.Has(2))
            return operands[2].ElementType;
        long code = operands.Attributes.GetInteger("output_dtype");
        return code == 0 ? DataType.UInt8 : ElementTypeCodes.ToDataType(code, operands.Node.ToString());
    }
}
