// Weights of com.microsoft operators that are quantized in blocks of few bits.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Quantized;

/// <summary>MatMulNBits and GatherBlockQuantized, as DequantizeLinear with blocks. Weights of a matrix product stay integers.</summary>
internal static class BlockQuantized
{
    /// <summary>Inputs a, b [N, blocks, bytes], scales [N, blocks], [zero_points], [g_idx], [bias].</summary>
    public static void MatMul(NodeDraft node, ImportContext context)
    {
        int depth = node.Attributes.GetInt32("K"), columns = node.Attributes.GetInt32("N");
        int bits = node.Attributes.GetInt32("bits", 4), block = node.Attributes.GetInt32("block_size");
        if (node.Input(1).Constant is not { ElementType: DataType.UInt8 } codes || node.Input(2).Constant is not { } scales
            || node.OptionalInput(4) is not null
            || node.OptionalInput(3) is { IsConstant: false } || bits is not (2 or 4 or 8) || block <= 0 || depth <= 0 || columns <= 0)
            throw new UnsupportedModelException(
                $"{node.Subject} has computed or reordered weights, or {bits} bits, which is not supported. Export it with "
                    + "constant weights of "
                + "2, 4 or 8 bits and without g_idx.");
        int blocks = (depth + block - 1) / block;
        DataType type = bits == 8 ? DataType.UInt8 : bits == 4 ? DataType.UInt4 : DataType.UInt2;
        long rowBytes = (long)blocks * PackedElements.BytesOf(type, block);
        if (codes.Bytes.Length != columns * rowBytes || scales.ElementCount != columns * blocks)
            throw new ModelFormatException(
                $"{node.Subject}: {codes} and {scales} do not hold {columns} columns of {depth} in blocks of {block}. "
                + "Export it again.");
        byte[] integers = Unpack(type, codes.Bytes.Span, columns * blocks * block);
        float[] factors = scales.ToSingleArray(), zeros = ZeroPoints(node, type, columns, blocks);
        GraphValue right = Array.TrueForAll(zeros, z => z == MathF.Round(z) && z >= 0 && z < 1 << bits)
            ? Integers(node, context, bits, depth, columns, block, integers, factors, zeros)
            : context.Constant(node.Name + ":weights", Real(depth, columns, block, integers, factors, zeros));
        if (node.OptionalInput(5) is { } bias)
            context.EmitAs(node, "Add", [context.Operation("MatMul", node.Name + ":product", [node.Input(0), right]), bias]);
        else
            context.EmitAs(node, "MatMul", [node.Input(0), right]);
    }

    // [K, N] behind a DequantizeLinear with scales [blocks, N].
    private static GraphValue Integers(
        NodeDraft node, ImportContext context, int bits, int depth, int columns, int block, byte[] integers, float[] factors, float[] zeros)
    {
        int blocks = factors.Length / columns;
        DataType type = bits == 8 ? DataType.UInt8 : DataType.UInt4;
        var elements = new byte[depth * columns];
        for (int n = 0; n < columns; n++)
            for (int k = 0; k < depth; k++)
                elements[k * columns + n] = integers[n * blocks * block + k];
        T[] Arranged<T>(Func<int, T> parameter) =>
            [.. from b in Enumerable.Range(0, blocks) from n in Enumerable.Range(0, columns) select parameter(n * blocks + b)];
        return context.Operation(
            "DequantizeLinear", node.Name + ":weights",
            [
                context.Constant(node.Name + ":integers", new TensorData(type, [depth, columns], elements).Packed()),
                context.Constant(node.Name + ":scales", TensorData.Create<float>(Arranged(i => factors[i]), [blocks, columns])),
                context.Constant(node.Name + ":zero_points", new TensorData(type, [blocks, columns], Arranged(i => (byte)zeros[i]))),
            ],
            new GraphAttributes { { "axis", 0L }, { "block_size", (long)block } });
    }

    // With zero points between integers.
    private static TensorData Real(int depth, int columns, int block, byte[] integers, float[] factors, float[] zeros)
    {
        int blocks = factors.Length / columns;
        TensorData weights = TensorData.Allocate(DataType.Float32, [depth, columns], out Span<float> elements);
        for (int n = 0; n < columns; n++)
        {
            for (int k = 0; k < depth; k++)
            {
                int group = n * blocks + k / block;
                elements[k * columns + n] = (integers[n * blocks * block + k] - zeros[group]) * factors[group];
            }
        }

        return weights;
    }

    /// <summary>Inputs data (4-bit integers), indices, scales, [zero_points].</summary>
    public static void Gather(NodeDraft node, ImportContext context)
    {
        if (node.Input(0).Constant is not { ElementType: DataType.Int4 or DataType.UInt4 })
            throw new UnsupportedModelException(
                $"{node.Subject} gathers from data that are no constant 4-bit integers, which is not supported. Export the "
                    + "table as INT4 or UINT4.");
        var blocks = new GraphAttributes
        {
            { "axis", node.Attributes.GetInteger("quantize_axis", 1) }, { "block_size", node.Attributes.GetInteger("block_size", 128) },
        };
        GraphValue real = context.Operation("DequantizeLinear", node.Name + ":real",
            [node.Input(0), node.Input(2), node.OptionalInput(3)], blocks);
        context.EmitAs(node, "Gather", [real, node.Input(1)],
            new GraphAttributes { { "axis", node.Attributes.GetInteger("gather_axis") } });
    }

    // Real numbers, or integers packed as the weights are, each row beginning with a byte of its own; by default the middle of the range.
    private static float[] ZeroPoints(NodeDraft node, DataType type, int columns, int blocks)
    {
        var result = new float[columns * blocks];
        int bits = PackedElements.BitsOf(type);
        if (node.OptionalInput(3)?.Constant is not { } given)
        {
            Array.Fill(result, 1 << (bits - 1));
            return result;
        }

        if (given.ElementType != DataType.UInt8)
            return given.ElementCount == result.Length ? given.ToSingleArray() : throw Defect();
        int rowBytes = (int)PackedElements.BytesOf(type, blocks);
        if (given.Bytes.Length != columns * rowBytes)
            throw Defect();
        for (int n = 0; n < columns; n++)
        {
            byte[] row = Unpack(type, given.Bytes.Span.Slice(n * rowBytes, rowBytes), blocks);
            for (int b = 0; b < blocks; b++)
                result[n * blocks + b] = row[b];
        }

        return result;

        ModelFormatException Defect() =>
            new($"{node.Subject}: the zero points {given} do not fit {columns} columns of {blocks} blocks. Export it again.");
    }

    private static byte[] Unpack(DataType type, ReadOnlySpan<byte> bytes, int elements) =>
        type == DataType.UInt8 ? bytes[..elements].ToArray() : PackedElements.Unpack(type, bytes, elements);
}
