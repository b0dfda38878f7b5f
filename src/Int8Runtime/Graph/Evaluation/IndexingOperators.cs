// Operators that select elements by indices: Gather, GatherElements, GatherND, NonZero, OneHot.
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Evaluation;

internal static class IndexingOperators
{
    public static TensorData Gather(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0), indices = HostEvaluator.Content(operands, 1);
        int axis = operands.AxisAttribute(0, source.Rank), extent = source.Shape[axis];
        Shape target = new GatherShape().Infer(operands)[0].Shape;
        int[] picks = Array.ConvertAll(indices.ToInt64Array(), i => Index(operands, i, extent));
        int outer = TensorData.CountElements(source.Shape[..axis]);
        int run = TensorData.CountElements(source.Shape[(axis + 1)..]) * source.ElementType.SizeInBytes();
        byte[] result = new byte[checked(TensorData.CountElements(target) * source.ElementType.SizeInBytes())];
        ReadOnlySpan<byte> from = source.Bytes.Span;
        int position = 0;
        for (int o = 0; o < outer; o++)
        {
            foreach (int pick in picks)
            {
                from.Slice((o * extent + pick) * run, run).CopyTo(result.AsSpan(position));
                position += run;
            }
        }
        return new TensorData(source.ElementType, target, result);
    }

    public static TensorData GatherElements(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0), indices = HostEvaluator.Content(operands, 1);
        int axis = operands.AxisAttribute(0, source.Rank), size = source.ElementType.SizeInBytes();
        Shape target = new GatherElementsShape().Infer(operands)[0].Shape;
        long[] picks = indices.ToInt64Array();
        byte[] result = new byte[picks.Length * size];
        ReadOnlySpan<byte> from = source.Bytes.Span;
        var walk = new IndexWalk(target);
        for (int i = 0; i < picks.Length; i++, walk.Next())
        {
            int element = Offset(operands, source.Shape, walk.Index, axis, picks[i]);
            from.Slice(element * size, size).CopyTo(result.AsSpan(i * size));
        }
        return new TensorData(source.ElementType, target, result);
    }

    public static TensorData GatherND(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0), indices = HostEvaluator.Content(operands, 1);
        Shape target = new GatherNDShape().Infer(operands)[0].Shape;
        int batchRank = operands.Attributes.GetInt32("batch_dims"), depth = indices.Shape[^1];
        int batches = TensorData.CountElements(source.Shape[..batchRank]);
        if (source.Shape[..batchRank] != indices.Shape[..batchRank])
            throw operands.Defect($"source {source.Shape} and indices {indices.Shape} have different batch dimensions");
        Shape indexed = source.Shape[batchRank..(batchRank + depth)];
        int run = TensorData.CountElements(source.Shape[(batchRank + depth)..]) * source.ElementType.SizeInBytes();
        long[] picks = indices.ToInt64Array();
        int tuples = TensorData.CountElements(indices.Shape[..^1]), perBatch = batches == 0 ? 0 : tuples / batches;
        byte[] result = new byte[checked(TensorData.CountElements(target) * source.ElementType.SizeInBytes())];
        ReadOnlySpan<byte> from = source.Bytes.Span;
        for (int t = 0; t < tuples; t++)
        {
            int block = t / perBatch;
            for (int k = 0; k < depth; k++)
                block = block * indexed[k] + Index(operands, picks[t * depth + k], indexed[k]);
            from.Slice(block * run, run).CopyTo(result.AsSpan(t * run));
        }
        return new TensorData(source.ElementType, target, result);
    }

    public static TensorData NonZero(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        double[] values = source.ToDoubleArray();
        int count = values.Count(v => v != 0);
        TensorData result = TensorData.Allocate(DataType.Int64, [source.Rank, count], out Span<long> target);
        var walk = new IndexWalk(source.Shape);
        int column = 0;
        for (int i = 0; i < values.Length; i++, walk.Next())
        {
            if (values[i] == 0)
                continue;
            for (int d = 0; d < source.Rank; d++)
                target[d * count + column] = walk.Index[d];
            column++;
        }
        return result;
    }

    public static TensorData OneHot(NodeOperands operands)
    {
        TensorData indices = HostEvaluator.Content(operands, 0), values = HostEvaluator.Content(operands, 2);
        TensorType type = new OneHotShape().Infer(operands)[0];
        if (values.ElementCount != 2)
            throw operands.Defect($"the values are {values.ElementCount} instead of two");
        int axis = operands.AxisAttribute(-1, type.Rank), depth = type.Shape[axis], size = type.ElementType.SizeInBytes();
        int inner = TensorData.CountElements(type.Shape[(axis + 1)..]);
        long[] hot = indices.ToInt64Array();
        ReadOnlySpan<byte> off = values.Bytes.Span[..size], on = values.Bytes.Span[size..];
        byte[] result = new byte[checked(TensorData.CountElements(type.Shape) * size)];
        for (int i = 0; i < result.Length / size; i++)
        {
            int position = i / inner % depth, element = i / (inner * depth) * inner + i % inner;
            long wanted = hot[element] < 0 ? hot[element] + depth : hot[element];
            (wanted == position ? on : off).CopyTo(result.AsSpan(i * size));
        }
        return new TensorData(type.ElementType, type.Shape, result);
    }

    /// <summary>Makes an index non-negative.</summary>
    /// <exception cref="ModelFormatException">It is out of range.</exception>
    public static int Index(NodeOperands operands, long index, int extent) => index >= -extent && index < extent
        ? (int)(index < 0 ? index + extent : index)
        : throw operands.Defect($"index {index} is out of range for the extent {extent}");

    /// <summary>The element at <paramref name="index"/> of a dense tensor, with the entry of <paramref name="axis"/>
    /// replaced.</summary>
    public static int Offset(NodeOperands operands, Shape shape, ReadOnlySpan<int> index, int axis, long pick)
    {
        int offset = 0;
        for (int d = 0; d < shape.Rank; d++)
            offset = offset * shape[d] + Index(operands, d == axis ? pick : index[d], shape[d]);
        return offset;
    }
}
