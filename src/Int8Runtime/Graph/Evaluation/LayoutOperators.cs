// Operators that move elements: Transpose, Slice, Expand, Tile, Pad, Concat, Split, DepthToSpace, SpaceToDepth, Trilu.
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Evaluation;

internal static class LayoutOperators
{
    public static TensorData Transpose(NodeOperands operands) =>
        Transpose(HostEvaluator.Content(operands, 0), TransposeView.Of(operands));

    public static TensorData Slice(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        SliceView view = SliceView.Of(operands);
        int[] dense = DenseStrides(source.Shape), strides = new int[source.Rank];
        long offset = 0;
        for (int i = 0; i < strides.Length; i++)
        {
            strides[i] = view.Counts[i] > 1 ? dense[i] * view.Steps[i] : 0;
            offset += (long)dense[i] * view.Starts[i];
        }
        return ElementCopy.Strided(source, view.Counts, offset, strides);
    }

    public static TensorData Expand(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        Shape target = new ExpandShape().Infer(operands)[0].Shape;
        return ElementCopy.Strided(source, target, 0, Broadcasting.Strides(source.Shape, target));
    }

    public static TensorData Tile(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        Shape target = new TileShape().Infer(operands)[0].Shape;
        int[][] maps = [.. target.Select((extent, i) => Indices(extent, k => k % source.Shape[i]))];
        return ElementCopy.Mapped(source, maps, []);
    }

    public static TensorData Pad(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        PadView view = PadView.Of(operands);
        Shape target = view.Apply(operands);
        int[][] maps = [.. target.Select((extent, i) =>
            Indices(extent, k => SourceIndex(view.Mode, (long)k - view.Begin[i], source.Shape[i])))];
        TensorData fill = TensorData.Scalar(view.Value).ConvertTo(source.ElementType);
        return ElementCopy.Mapped(source, maps, fill.Bytes.Span);
    }

    public static TensorData Concat(NodeOperands operands)
    {
        TensorType type = new ConcatShape().Infer(operands)[0];
        int axis = operands.AxisAttribute(0, type.Rank);
        int outer = TensorData.CountElements(type.Shape[..axis]);
        byte[] result = new byte[checked(TensorData.CountElements(type.Shape) * type.ElementType.SizeInBytes())];
        int row = outer == 0 ? 0 : result.Length / outer, begin = 0;   // bytes of one index of the outer dimensions
        for (int i = 0; i < operands.Count; i++)
        {
            ReadOnlySpan<byte> part = HostEvaluator.Content(operands, i).Bytes.Span;
            int run = outer == 0 ? 0 : part.Length / outer;
            for (int o = 0; o < outer; o++)
                part.Slice(o * run, run).CopyTo(result.AsSpan(o * row + begin));
            begin += run;
        }
        return new TensorData(type.ElementType, type.Shape, result);
    }

    public static TensorData[] Split(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        SplitView view = SplitView.Of(operands);
        int[] strides = DenseStrides(source.Shape);
        var parts = new TensorData[view.Sizes.Count];
        long offset = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            parts[i] = ElementCopy.Strided(source, source.Shape.With(view.Axis, view.Sizes[i]), offset, strides);
            offset += (long)view.Sizes[i] * strides[view.Axis];
        }
        return parts;
    }

    public static TensorData DepthToSpace(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        Shape target = new DepthSpaceShape().Infer(operands)[0].Shape;
        int block = operands.Attributes.GetInt32("blocksize");
        bool columnFirst = operands.Attributes.GetString("mode", "DCR") == "CRD";
        Shape blocks = columnFirst
            ? [source.Shape[0], target[1], block, block, source.Shape[2], source.Shape[3]]
            : [source.Shape[0], block, block, target[1], source.Shape[2], source.Shape[3]];
        var order = new TransposeView(columnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]);
        return Transpose(source.Reshaped(blocks), order).Reshaped(target);
    }

    public static TensorData SpaceToDepth(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        Shape target = new DepthSpaceShape().Infer(operands)[0].Shape;
        int block = operands.Attributes.GetInt32("blocksize");
        Shape blocks = [source.Shape[0], source.Shape[1], target[2], block, target[3], block];
        return Transpose(source.Reshaped(blocks), new TransposeView([0, 3, 5, 1, 2, 4])).Reshaped(target);
    }

    public static TensorData Trilu(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        if (source.Rank < 2)
            throw operands.Defect("the source must have at least 2 dimensions");
        bool upper = operands.Attributes.GetBoolean("upper", true);
        double diagonal = operands.Scalar(1, "diagonal") ?? 0;
        byte[] result = source.Bytes.ToArray();
        int size = source.ElementType.SizeInBytes(), rows = source.Shape[^2], columns = source.Shape[^1];
        for (int i = 0; i < source.ElementCount; i++)
        {
            int row = i / columns % rows, column = i % columns;
            bool keep = upper ? column - row >= diagonal : column - row <= diagonal;
            if (!keep)
                result.AsSpan(i * size, size).Clear();
        }
        return new TensorData(source.ElementType, source.Shape, result);
    }

    /// <summary>The steps of a dense row-major tensor.</summary>
    public static int[] DenseStrides(Shape shape)
    {
        int[] strides = new int[shape.Rank];
        int step = 1;
        for (int i = shape.Rank - 1; i >= 0; i--)
        {
            strides[i] = step;
            step *= shape[i];
        }
        return strides;
    }

    private static TensorData Transpose(TensorData source, TransposeView view)
    {
        int[] dense = DenseStrides(source.Shape);
        int[] strides = [.. view.Order.Select(axis => dense[axis])];
        return ElementCopy.Strided(source, view.Apply(source.Shape), 0, strides);
    }

    private static int SourceIndex(string mode, long index, int extent)
    {
        if (index >= 0 && index < extent)
            return (int)index;
        if (extent == 0)
            return -1;
        switch (mode)
        {
            case "edge":
                return (int)Math.Clamp(index, 0, extent - 1);
            case "wrap":
                return (int)(((index % extent) + extent) % extent);
            case "reflect":
                if (extent == 1)
                    return 0;
                long period = 2L * (extent - 1), folded = ((index % period) + period) % period;
                return (int)Math.Min(folded, period - folded);
            default:
                return -1;
        }
    }

    private static int[] Indices(int count, Func<int, int> map)
    {
        int[] indices = new int[count];
        for (int i = 0; i < count; i++)
            indices[i] = map(i);
        return indices;
    }
}
