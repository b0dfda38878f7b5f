// Layers that compute with shapes, or give elements another shape.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class ShapeLayers
{
    public static void Reshape(LayerContext layer)
    {
        bool copiesZero = layer.Boolean("special_zero");
        if (layer.Compressed(0) is { HasTransposedBlocks: false } compressed && layer.Constant(1) is { } target
            && Resolved(compressed.Integers, target.ToInt64Array(), copiesZero) is { } shape
                && shape.ElementCount == compressed.Integers.ElementCount)
            layer.Pass(compressed.Reshaped(shape));
        else
            layer.Emit("Reshape", [layer.Input(0), layer.IntegerList(1)], copiesZero ? null : new GraphAttributes { { "allowzero", 1 } });
    }

    // The target extents of a constant.
    private static Shape? Resolved(TensorData source, long[] target, bool copiesZero)
    {
        var extents = new int[target.Length];
        long known = 1;
        for (int i = 0; i < target.Length; i++)
        {
            long extent = target[i] == 0 && copiesZero && i < source.Rank ? source.Shape[i] : target[i];
            if (extent is < -1 or 0 or > int.MaxValue)
                return null;
            extents[i] = (int)extent;
            known *= extent < 0 ? 1 : extent;
        }

        int free = Array.IndexOf(extents, -1);
        if (free >= 0)
            extents[free] = (int)(source.ElementCount / known);
        return extents;
    }

    public static void Axes(LayerContext layer, string opType) =>
        layer.Emit(opType, layer.InputCount > 1 ? [layer.Input(0), layer.IntegerList(1)] : [layer.Input(0)]);

    public static void Transpose(LayerContext layer)
    {
        long[] order = layer.KnownConstant(1, "dimension orders").ToInt64Array();
        if (layer.Compressed(0) is { } compressed && order is [1, 0] && compressed.Transposed() is { } transposed)
            layer.Pass(transposed);
        else
            layer.Emit("Transpose", [layer.Input(0)], order.Length == 0 ? null : new GraphAttributes { { "perm", order } });
    }

    public static void ShapeOf(LayerContext layer)
    {
        long type = layer.TypeCode("output_type", "i64");
        if (type == ElementTypeCodes.ToCode(DataType.Int64))
            layer.Emit("Shape", [layer.Input(0)]);
        else
            layer.Emit("Cast", [layer.Step("Shape", [layer.Input(0)])], new GraphAttributes { { "to", type } });
    }

    /// <summary>Version 4 names the type of the result, whatever the types of its operands.</summary>
    public static void Range(LayerContext layer)
    {
        GraphValue[] operands = [.. Enumerable.Range(0, 3).Select(i => Number(layer, i))];
        if (!layer.Has("output_type"))
        {
            layer.Emit("Range", operands);
            return;
        }

        DataType type = IrElementTypes.Parse(layer.Text("output_type"), layer.Layer.ToString());
        type = IrElementTypes.IsHalf(type) ? DataType.Float32 : type;
        layer.Emit("Range", [.. operands.Select((o, i) => layer.ElementType(i) == type ? o : layer.Cast(o, type))]);
    }

    private static GraphValue Number(LayerContext layer, int index)
    {
        GraphValue value = layer.Input(index);
        return layer.Rank(index) == 0 ? value : layer.Step("Reshape", [value, layer.AddIntegers("scalar")]);
    }

    public static void Tile(LayerContext layer)
    {
        // A shorter list of repeats belongs to the last dimensions.
        GraphValue repeats = layer.IntegerList(1);
        int missing = layer.Rank(0) - (repeats.Constant?.ElementCount ?? layer.Rank(0));
        if (missing < 0)
            throw layer.Unsupported("repeats more dimensions than its operand has");
        if (missing > 0)
            repeats = layer.AddIntegers("repeats", [.. Enumerable.Repeat(1L, missing), .. repeats.Constant!.ToInt64Array()]);
        layer.Emit("Tile", [layer.Input(0), repeats]);
    }

    /// <summary>Numpy's rule aligns at the last dimension; the explicit mode says where each dimension goes.</summary>
    public static void Broadcast(LayerContext layer)
    {
        string mode = layer.Text("mode", "numpy").ToLowerInvariant();
        GraphValue target = layer.IntegerList(1);
        switch (mode)
        {
            case "numpy" or "bidirectional":
                layer.Emit("Expand", [layer.Input(0), target]);
                break;
            case "explicit":
                long[] mapping = layer.KnownConstant(2, "axes").ToInt64Array();
                if (target.Constant is not { ElementCount: var rank })
                    throw layer.Unsupported("has an explicit mapping to a shape that is computed");
                long[] others = [.. Enumerable.Range(0, rank).Select(d => (long)d).Except(mapping)];
                if (!mapping.Order().SequenceEqual(mapping))
                    throw layer.Unsupported("maps dimensions in another order");
                GraphValue wide = others.Length == 0
                    ? layer.Input(0)
                    : layer.Step("Unsqueeze", [layer.Input(0), layer.AddIntegers("axes", others)]);
                layer.Emit("Expand", [wide, target]);
                break;
            default:
                throw layer.Unsupported($"broadcasts in the way '{mode}'");
        }
    }
}
