// Operators whose result has as many elements as the content says: Unique, Compress.
namespace Int8Runtime.Graph.Evaluation;

internal static class SetOperators
{
    /// <summary>The distinct elements or slices, where each was first, which one each source element is, and how often each
    /// occurs.</summary>
    public static TensorData[] Unique(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        bool isFlat = !operands.Attributes.Contains("axis");
        TensorData slices = isFlat ? source.Reshaped([source.ElementCount]) : source;
        int axis = isFlat ? 0 : operands.AxisAttribute(0, source.Rank), extent = slices.Shape[axis];
        double[][] keys = [.. Enumerable.Range(0, extent).Select(i => Slice(slices, axis, [i]).ToDoubleArray())];
        var distinct = new List<int>();   // the first occurrence of each
        var member = new long[extent];
        var counts = new List<long>();
        for (int i = 0; i < extent; i++)
        {
            int found = distinct.FindIndex(d => keys[d].AsSpan().SequenceEqual(keys[i]));
            if (found < 0)
            {
                found = distinct.Count;
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

    private static TensorData Slice(TensorData source, int axis, int[] picks) => ElementCopy.Mapped(
        source, [.. source.Shape.Select((extent, d) => d == axis ? picks : [.. Enumerable.Range(0, extent)])], []);
}
