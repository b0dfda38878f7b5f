// ArgMax, ArgMin, TopK.
using System.Numerics;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Evaluation;

internal static class SearchOperators
{
    public static TensorData ArgMax(NodeOperands operands) =>
        Elementwise.DispatchExact(HostEvaluator.Content(operands, 0), new Extremes(operands, largest: true));

    public static TensorData ArgMin(NodeOperands operands) =>
        Elementwise.DispatchExact(HostEvaluator.Content(operands, 0), new Extremes(operands, largest: false));

    /// <summary>Values and indices; among equal values the lower index comes first.</summary>
    public static TensorData[] TopK(NodeOperands operands) =>
        Elementwise.DispatchExact(HostEvaluator.Content(operands, 0), new Best(operands));

    private sealed class Best(NodeOperands operands) : IExactFunction<TensorData[]>
    {
        public TensorData[] Invoke<T>(T[] values) where T : unmanaged, INumber<T> => TopK(operands, values);
    }

    private sealed class Extremes(NodeOperands operands, bool largest) : IExactFunction<TensorData>
    {
        public TensorData Invoke<T>(T[] values) where T : unmanaged, INumber<T> => Find(operands, values, largest);
    }

    private static TensorData[] TopK<T>(NodeOperands operands, T[] values) where T : unmanaged, INumber<T>
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        int axis = operands.AxisAttribute(-1, source.Rank);
        Shape target = new TopKShape().Infer(operands)[0].Shape;
        int count = target[axis], extent = source.Shape[axis], size = source.ElementType.SizeInBytes();
        bool largest = operands.Attributes.GetBoolean("largest", true);
        ReadOnlySpan<byte> bytes = source.Bytes.Span;
        byte[] best = new byte[TensorData.CountElements(target) * size];
        TensorData indices = TensorData.Allocate(DataType.Int64, target, out Span<long> ranks);
        int inner = TensorData.CountElements(source.Shape[(axis + 1)..]), lines = extent == 0
            ? 0
            : values.Length / extent;
        for (int line = 0; line < lines; line++)
        {
            int outer = line / inner, column = line % inner;
            int Position(int index) => (outer * extent + index) * inner + column;
            IEnumerable<int> all = Enumerable.Range(0, extent);
            IEnumerable<int> sorted = largest
                ? all.OrderByDescending(i => values[Position(i)])
                : all.OrderBy(i => values[Position(i)]);
            int rank = 0;
            foreach (int index in sorted.Take(count))
            {
                int place = (outer * count + rank++) * inner + column;
                ranks[place] = index;
                bytes.Slice(Position(index) * size, size).CopyTo(best.AsSpan(place * size));
            }
        }
        return [new TensorData(source.ElementType, target, best), indices];
    }

    private static TensorData Find<T>(NodeOperands operands, T[] values, bool largest) where T : unmanaged, INumber<T>
    {
        TensorType source = operands[0];
        TensorType type = new ArgumentShape().Infer(operands)[0];
        int axis = operands.AxisAttribute(0, source.Rank), extent = source.Shape[axis];
        bool last = operands.Attributes.GetBoolean("select_last_index");
        TensorData result = TensorData.Allocate(DataType.Int64, type.Shape, out Span<long> target);
        if (extent == 0 && target.Length > 0)
            throw operands.Defect("the axis has no elements");
        int inner = TensorData.CountElements(source.Shape[(axis + 1)..]);
        for (int line = 0; line < target.Length; line++)
        {
            int first = line / inner * inner * extent + line % inner, found = 0;
            for (int i = 1; i < extent; i++)
            {
                T candidate = values[first + i * inner], best = values[first + found * inner];
                bool better = largest ? candidate > best : candidate < best;
                if (better || (last && candidate == best))
                    found = i;
            }
            target[line] = found;
        }
        return result;
    }
}
