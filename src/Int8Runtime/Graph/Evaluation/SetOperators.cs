// Operators whose result has as many elements as the content says: Unique, Compress.
using System.Numerics;

namespace Int8Runtime.Graph.Evaluation;

internal static class SetOperators
{
    /// <summary>The distinct elements or slices, where each was first, which one each source element is, and how often each
    /// occurs.</summary>
    public static TensorData[] Unique(NodeOperands operands) =>
        Elementwise.DispatchExact(HostEvaluator.Content(operands, 0), new Distinct(operands));

    private sealed class Distinct(NodeOperands operands) : IExactFunction<TensorData[]>
    {
        public TensorData[] Invoke<T>(T[] values) where T : unmanaged, INumber<T> => Unique(operands, values);
    }

    private static TensorData[] Unique<T>(NodeOperands operands, T[] values) where T : unmanaged, INumber<T>
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        bool isFlat = !operands.Attributes.Contains("axis");
        TensorData slices = isFlat ? source.Reshaped([source.ElementCount]) : source;
        int axis = isFlat ? 0 : operands.AxisAttribute(0, source.Rank), extent = slices.Shape[axis];
        int outer = TensorData.CountElements(slices.Shape[..axis]), inner = TensorData.CountElements(slices.Shape[(axis + 1)..]);
        var keys = new T[extent][];
        for (int i = 0; i < extent; i++)
        {
            keys[i] = new T[outer * inner];
            for (int o = 0; o < outer; o++)
                values.AsSpan((o * extent + i) * inner, inner).CopyTo(keys[i].AsSpan(o * inner));
        }

        var distinct = new List<int>();   // the first occurrence of each
        var member = new long[extent];
        var counts = new List<long>();
        var places = new Dictionary<T[], int>(new SliceComparer<T>());
        for (int i = 0; i < extent; i++)
        {
            if (!places.TryGetValue(keys[i], out int found))
            {
                places.Add(keys[i], found = distinct.Count);
                distinct.Add(i);
                counts.Add(0);
            }

            member[i] = found;
            counts[found]++;
        }

        int[] order = [.. Enumerable.Range(0, distinct.Count)];
        if (operands.Attributes.GetBoolean("sorted", true))
            Array.Sort(order, (a, b) => keys[distinct[a]].AsSpan().SequenceCompareTo(keys[distinct[b]]));
        var rank = new long[order.Length];
        for (int r = 0; r < order.Length; r++)
            rank[order[r]] = r;
        int[] firsts = [.. order.Select(o => distinct[o])];
        return
        [
            Slice(slices, axis, firsts),
            TensorData.Vector<long>([.. firsts.Select(f => (long)f)]),
            TensorData.Vector<long>([.. member.Select(m => rank[m])]),
            TensorData.Vector<long>([.. order.Select(o => counts[o])]),
        ];
    }

    /// <summary>The slices for which the condition holds.</summary>
    public static TensorData Compress(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0), condition = HostEvaluator.Content(operands, 1);
        bool isFlat = !operands.Attributes.Contains("axis");
        TensorData slices = isFlat ? source.Reshaped([source.ElementCount]) : source;
        int axis = isFlat ? 0 : operands.AxisAttribute(0, source.Rank);
        ReadOnlySpan<byte> holds = condition.AsSpan<byte>();
        var picks = new List<int>();
        for (int i = 0; i < Math.Min(holds.Length, slices.Shape[axis]); i++)
        {
            if (holds[i] != 0)
                picks.Add(i);
        }

        return Slice(slices, axis, [.. picks]);
    }

    // Compares element by element; NaN equals NaN.
    private sealed class SliceComparer<T> : IEqualityComparer<T[]> where T : unmanaged, INumber<T>
    {
        public bool Equals(T[]? x, T[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(T[] slice)
        {
            var hash = new HashCode();
            foreach (T element in slice)
                hash.Add(element);
            return hash.ToHashCode();
        }
    }

    private static TensorData Slice(TensorData source, int axis, int[] picks) => ElementCopy.Mapped(
        source, [.. source.Shape.Select((extent, d) => d == axis ? picks : [.. Enumerable.Range(0, extent)])], []);
}
