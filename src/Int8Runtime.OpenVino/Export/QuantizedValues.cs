// Integers with scales: constants become Const → Convert → [Subtract] → Multiply, quantizers of activations FakeQuantize.
using System.Numerics;
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Export;

internal static class QuantizedValues
{
    // A layer that converts integers is some 250 bytes of text.
    private const int FewParameters = 100;

    /// <summary>Whether the node dequantizes a constant.</summary>
    public static bool IsPartOfConstant(GraphNode node) => node.Is("DequantizeLinear") && node.ConstantInput(0) is not null;

    /// <summary>Whether the node is a quantizer that only dequantizers with the same parameters read.</summary>
    public static bool IsFirstHalf(GraphNode node) => node.Is("QuantizeLinear") && !node.Output.IsGraphOutput
        && node.Output.Uses.All(u => u.Node.Is("DequantizeLinear") && u.InputIndex == 0 && HasParametersOf(u.Node, node));

    /// <summary>
    /// Writes a dequantized constant, under another shape if one is given whose leading extents are those of the channels.
    /// </summary>
    /// <exception cref="UnsupportedModelException">The scales are computed.</exception>
    public static IrValue WriteConstant(IrModel model, GraphNode node, long[]? shape)
    {
        TensorData integers = node.ConstantInput(0)!.AsInt4();
        QuantizationView view = QuantizationView.Of(NodeOperands.Of(node, [.. node.Inputs.Select(i => i?.Constant)]));
        string name = node.Output.Name;
        if (view.BlockSize > 0 && shape is null && integers.Rank == 2 && WholeBlocks(integers.Shape[view.Axis], view.BlockSize) > 1
            && integers.ElementType.IsIntegerWeight())
            return WriteBlocks(model, name, integers, view);
        if (!integers.ElementType.IsIntegerWeight() || view.BlockSize > 0)
            return model.Constant(name, ToReal(integers, view, shape));
        int rank = shape?.Length ?? integers.Rank;
        // With another shape, the channels of the first dimension have become those of the first two.
        long[] parameters = [.. Enumerable.Repeat(1L, rank)];
        if (!view.IsPerTensor && shape is null)
            parameters[view.Axis] = view.Scales.Count;
        else if (!view.IsPerTensor)
            (parameters[0], parameters[1]) = (shape![0], shape[1]);
        Shape parameterShape = view.IsPerTensor ? [] : Array.ConvertAll(parameters, p => (int)p);
        TensorData stored = shape is null ? integers : integers.Reshaped(Array.ConvertAll(shape, e => (int)e));
        return WriteProduct(model, name, name, stored, view, parameterShape);
    }

    // The format has no shorter last block. Smaller blocks, some with the same scale, say the same.
    private static int WholeBlocks(int inputs, int block) =>
        block >= inputs ? inputs : (int)BigInteger.GreatestCommonDivisor(inputs, block);

    // A matrix with a scale for each block of inputs, as readers expect it: [outputs, blocks, block], then a Reshape, and a
    // Transpose where inputs are the rows.
    private static IrValue WriteBlocks(IrModel model, string name, TensorData integers, QuantizationView view)
    {
        bool inputsAreRows = view.Axis == 0;
        int inputs = integers.Shape[view.Axis], outputs = integers.Shape[1 - view.Axis],
            block = WholeBlocks(inputs, view.BlockSize), blocks = inputs / block;
        // Row r of the result is row r · step / size of the values, which are [rows, outputs] or [outputs, rows].
        T[] Arranged<T>(IReadOnlyList<T> values, int rows, int step = 1, int size = 1)
        {
            int given = values.Count / outputs;
            return [.. from n in Enumerable.Range(0, outputs) from r in Enumerable.Range(0, rows)
                let row = (int)((long)r * step / size) select values[inputsAreRows ? (row * outputs) + n : (n * given) + row]];
        }

        TensorData stored =
            new TensorData(integers.ElementType, [outputs, blocks, block], Arranged(integers.Bytes.ToArray(), inputs)).Packed();
        QuantizationView arranged = view with
        {
            Scales = Arranged(view.Scales, blocks, block, view.BlockSize),
            ZeroPoints = Arranged(view.ZeroPoints, blocks, block, view.BlockSize),
        };
        long[] order = [1, 0], extents = [outputs, inputs];
        IrValue value = WriteProduct(model, name, name + "/blocks", stored, arranged, [outputs, blocks, 1]);
        IrValue shape = model.Constant(name + "/shape", TensorData.Create<long>(extents, [2]));
        value = model.Add("Reshape", 1, inputsAreRows ? name + "/rows" : name, [("special_zero", "false")], [value, shape],
            (DataType.Float32, extents))[0];
        return inputsAreRows
            ? model.Add("Transpose", 1, name, [], [value, model.Constant(name + "/order", TensorData.Create<long>(order, [2]))],
                (DataType.Float32, [inputs, outputs]))[0]
            : value;
    }

    private static IrValue WriteProduct(IrModel model, string name, string result, TensorData stored, QuantizationView view,
        Shape parameterShape)
    {
        long[] extents = [.. stored.Shape.Select(e => (long)e)];
        (DataType, long[]) real = (DataType.Float32, extents);
        IrValue value = model.Constant(name + "/integers", stored);
        value = model.Add("Convert", 1, name + "/Convert", [("destination_type", "f32")], [value], real)[0];
        if (view.ZeroPoints.Any(z => z != 0))
        {
            IrValue zero = WriteZeroPoints(model, name, stored.ElementType, view, parameterShape);
            value = model.Add("Subtract", 1, name + "/Subtract", [], [value, zero], real)[0];
        }

        IrValue scale = model.Constant(name + "/scale", TensorData.Create<float>([.. view.Scales], parameterShape));
        return model.Add("Multiply", 1, result, [], [value, scale], real)[0];
    }

    // Few as f32; many take less room as integers, whose type they have.
    private static IrValue WriteZeroPoints(IrModel model, string name, DataType type, QuantizationView view, Shape shape)
    {
        TensorData real = TensorData.Create<float>([.. view.ZeroPoints.Select(z => (float)z)], shape);
        (int min, int max) = type.IntegerRange();
        if (view.ZeroPoints.Count < FewParameters || view.ZeroPoints.Any(z => z < min || z > max))
            return model.Constant(name + "/zero_point", real);
        var bytes = new byte[view.ZeroPoints.Count];
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = unchecked((byte)view.ZeroPoints[i]);
        IrValue integers = model.Constant(name + "/zero_point", new TensorData(type, shape, bytes).Packed());
        return model.Add("Convert", 1, name + "/zero_point/Convert", [("destination_type", "f32")], [integers],
            (DataType.Float32, integers.Extents))[0];
    }

    /// <summary>A quantizer and the dequantizer behind it as one FakeQuantize.</summary>
    public static void WriteFakeQuantize(NodeContext context)
    {
        GraphNode node = context.Node;
        if (node.Input(0).Producer is not { } quantize || !IsFirstHalf(quantize))
            throw context.Unsupported("reads integers that are computed");
        QuantizationView view = QuantizationView.Of(new NodeOperands(
            node, node.Inputs.Select((v, i) => v is null ? (TensorType?)null
                : new TensorType(i == 0 ? quantize.Output.ElementType : v.ElementType,
                Array.ConvertAll(context.Extents(i), e => (int)Math.Max(e, 1)))), node.Inputs.Select(v => v?.Constant)));
        if (!view.IntegerType.IsInt8())
            throw context.Unsupported($"quantizes to {view.IntegerType.ToShortName()}");
        (int min, int max) = view.IntegerType.IntegerRange();
        float[] low = new float[view.Scales.Count], high = new float[low.Length];
        for (int i = 0; i < low.Length; i++)
            (low[i], high[i]) = BordersOf(view.Scales[i], min - view.ZeroPoints[i], max - view.ZeroPoints[i]);
        var extents = new int[context.Rank(0)];
        Array.Fill(extents, 1);
        if (!view.IsPerTensor)
            extents[view.Axis] = low.Length;
        Shape shape = view.IsPerTensor ? [] : extents;
        IrValue lower = context.Constant("low", TensorData.Create<float>(low, shape)),
            upper = context.Constant("high", TensorData.Create<float>(high, shape));
        context.Emit("FakeQuantize", 1, [context.ResolveOf(quantize.Input(0)), lower, upper, lower, upper], ("levels", 256L));
    }

    // f32 borders from which a reader finds exactly this scale.
    internal static (float Low, float High) BordersOf(float scale, int below, int above)
    {
        float low = (float)((double)scale * below), high = (float)((double)scale * above);
        foreach (float candidate in (float[])[high, MathF.BitIncrement(high), MathF.BitDecrement(high)])
        {
            foreach (float other in below == 0 ? (float[])[low] : [low, MathF.BitIncrement(low), MathF.BitDecrement(low)])
            {
                if ((float)(((double)candidate - other) / (above - below)) == scale)
                    return (other, candidate);
            }
        }

        return (low, high);
    }

    private static TensorData ToReal(TensorData integers, QuantizationView view, long[]? shape)
    {
        long[] values = integers.ToInt64Array();
        float[] real = new float[values.Length];
        QuantizationView.ScaleIndices indices = view.IndicesOf(integers.Shape);
        for (int i = 0; i < real.Length; i++)
        {
            int channel = indices[i];
            real[i] = (values[i] - view.ZeroPoints[channel]) * view.Scales[channel];
        }

        return TensorData.Create<float>(real, shape is null ? integers.Shape : Array.ConvertAll(shape, e => (int)e));
    }

    private static bool HasParametersOf(GraphNode dequantize, GraphNode quantize)
    {
        for (int i = 1; i < 3; i++)
        {
            TensorData? left = dequantize.ConstantInput(i), right = quantize.ConstantInput(i);
            if (left is null ? dequantize.OptionalInput(i) is not null || quantize.OptionalInput(i) is not null
                : !left.ContentEquals(right))
                return false;
        }

        return dequantize.Attributes.GetInteger("axis", 1) == quantize.Attributes.GetInteger("axis", 1);
    }
}
