// QuantizeLinear and DequantizeLinear.
namespace Int8Runtime.Graph;

/// <summary>Scales and zero points of a QuantizeLinear or DequantizeLinear node: real = scale · (integer − zero
/// point).</summary>
/// <param name="Scales">One scale, or one per index of the axis, or one per block of the axis and index of the other dimensions.</param>
/// <param name="ZeroPoints">As many zero points as scales.</param>
/// <param name="Axis">The axis, or −1 when there is one scale for the whole tensor.</param>
/// <param name="IntegerType">The element type of the quantized side.</param>
public sealed record QuantizationView(IReadOnlyList<float> Scales, IReadOnlyList<int> ZeroPoints, int Axis, DataType IntegerType)
{
    /// <summary>Whether one scale serves the whole tensor.</summary>
    public bool IsPerTensor => Axis < 0;

    /// <summary>The number of elements along the axis that share a scale, where scales are per block; otherwise 0.</summary>
    public int BlockSize { get; init; }

    /// <summary>Reads a node whose scale and zero point are known.</summary>
    /// <exception cref="UnsupportedModelException">Scale or zero point is computed at run time.</exception>
    public static QuantizationView Of(NodeOperands operands)
    {
        float[] scales = operands.KnownValue(1, "scale").ToSingleArray();
        int[]? zeros = operands.Has(2) ? operands.KnownValue(2, "zero point").ToInt32Array() : null;
        int axis = -1, block = IsBlocked(operands) ? operands.Attributes.GetInt32("block_size") : 0;
        if (block > 0)
        {
            Shape source = operands[0].Shape;
            axis = operands.AxisAttribute(1, source.Rank);
            if (operands[1].Shape != source.With(axis, (source[axis] + block - 1) / block))
                throw operands.Defect($"scales {operands[1].Shape} do not fit {source} in blocks of {block} along axis {axis}");
        }
        else if (operands[1].Rank > 1)
        {
            throw operands.Defect($"scales {operands[1].Shape} are no vector, and there is no block size");
        }
        else if (scales.Length != 1)
        {
            axis = operands.AxisAttribute(1, operands[0].Rank);
            if (operands[0].Shape[axis] != scales.Length)
                throw operands.Defect($"{scales.Length} scales do not fit axis {axis} of {operands[0].Shape}");
        }
        if (zeros is not null && zeros.Length != scales.Length)
            throw operands.Defect($"there are {scales.Length} scales but {zeros.Length} zero points");
        return new QuantizationView(
            scales, zeros ?? new int[scales.Length], axis, IntegerTypeOf(operands))
        {
            BlockSize = block,
        };
    }

    /// <summary>Whether a node has scales per block.</summary>
    public static bool IsBlocked(NodeOperands operands) =>
        operands.Attributes.GetInteger("block_size") > 0 && operands[1].Rank == operands[0].Rank;

    /// <summary>Which scale each element of a row-major tensor has.</summary>
    /// <param name="shape">The shape of the tensor.</param>
    public ScaleIndices IndicesOf(Shape shape) => IsPerTensor
        ? default
        : new ScaleIndices(TensorData.CountElements(shape[(Axis + 1)..]), shape[Axis], BlockSize);

    /// <summary>The indices of the scales of elements.</summary>
    /// <param name="inner">Elements of an index of the axis; 0 where there is one scale.</param>
    /// <param name="extent">Extent of the axis.</param>
    /// <param name="blockSize">Elements along the axis that share a scale; 0 where each index has its own.</param>
    public readonly struct ScaleIndices(int inner, int extent, int blockSize)
    {
        private readonly int _blocks = blockSize == 0 ? 0 : ((extent - 1) / blockSize) + 1;

        /// <summary>The index of the scale of an element.</summary>
        public int this[int element]
        {
            get
            {
                if (inner == 0)
                    return 0;
                (int line, int column) = Math.DivRem(element, inner);
                (int outer, int index) = Math.DivRem(line, extent);
                return blockSize == 0 ? index : (((outer * _blocks) + (index / blockSize)) * inner) + column;
            }
        }
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
