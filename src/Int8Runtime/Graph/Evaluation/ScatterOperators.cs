// Operators that write updates into a copy of the source: ScatterND, ScatterElements.
namespace Int8Runtime.Graph.Evaluation;

internal static class ScatterOperators
{
    public static TensorData ScatterND(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0), indices = HostEvaluator.Content(operands, 1);
        TensorData updates = HostEvaluator.Content(operands, 2);
        int depth = indices.Rank > 0 ? indices.Shape[^1] : throw operands.Defect("the indices are a scalar");
        if (depth > source.Rank)
            throw operands.Defect($"indices of {depth} entries do not fit the source {source.Shape}");
        int run = TensorData.CountElements(source.Shape[depth..]), tuples = TensorData.CountElements(indices.Shape[..^1]);
        if ((long)tuples * run != updates.ElementCount)
            throw operands.Defect(
                $"source {source.Shape}, indices {indices.Shape} and updates {updates.Shape} do not fit");
        long[] picks = indices.ToInt64Array();
        var target = new Target(operands, source, updates);
        for (int t = 0; t < tuples; t++)
        {
            int block = 0;
            for (int k = 0; k < depth; k++)
                block = block * source.Shape[k] + IndexingOperators.Index(operands, picks[t * depth + k], source.Shape[k]);
            for (int i = 0; i < run; i++)
                target.Write(block * run + i, t * run + i);
        }
        return target.Result;
    }

    public static TensorData ScatterElements(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0), indices = HostEvaluator.Content(operands, 1);
        TensorData updates = HostEvaluator.Content(operands, 2);
        if (indices.Shape != updates.Shape || indices.Rank != source.Rank)
            throw operands.Defect(
                $"source {source.Shape}, indices {indices.Shape} and updates {updates.Shape} do not fit");
        int axis = operands.AxisAttribute(0, source.Rank);
        long[] picks = indices.ToInt64Array();
        var target = new Target(operands, source, updates);
        var walk = new IndexWalk(indices.Shape);
        for (int i = 0; i < picks.Length; i++, walk.Next())
            target.Write(IndexingOperators.Offset(operands, source.Shape, walk.Index, axis, picks[i]), i);
        return target.Result;
    }

    // A copy of the source that takes updates, replacing or combining as the attribute `reduction` says.
    private sealed class Target
    {
        private readonly byte[] _bytes;
        private readonly TensorData _updates;
        private readonly int _size;
        private readonly double[]? _combined;   // present when updates are combined
        private readonly double[] _operands = [];
        private readonly Func<double, double, double> _combine = (_, update) => update;
        private readonly TensorData _source;

        public Target(NodeOperands operands, TensorData source, TensorData updates)
        {
            if (source.ElementType != updates.ElementType)
                throw operands.Defect(
                    $"source and updates have the types {source.ElementType} and {updates.ElementType}");
            _source = source;
            _updates = updates;
            _size = source.ElementType.SizeInBytes();
            _bytes = source.Bytes.ToArray();
            string reduction = operands.Attributes.GetString("reduction", "none");
            if (reduction == "none")
                return;
            _combined = source.ToDoubleArray();
            _operands = updates.ToDoubleArray();
            _combine = reduction switch
            {
                "add" => (a, b) => a + b,
                "mul" => (a, b) => a * b,
                "max" => Math.Max,
                "min" => Math.Min,
                _ => throw operands.Defect($"the reduction '{reduction}' is unknown"),
            };
        }

        public TensorData Result => _combined is null
            ? new TensorData(_source.ElementType, _source.Shape, _bytes)
            : TensorData.Create<double>(_combined, _source.Shape).ConvertTo(_source.ElementType);

        public void Write(int element, int update)
        {
            if (_combined is null)
                _updates.Bytes.Span.Slice(update * _size, _size).CopyTo(_bytes.AsSpan(element * _size));
            else
                _combined[element] = _combine(_combined[element], _operands[update]);
        }
    }
}
