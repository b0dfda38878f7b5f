// EmbeddingBagOffsetsSum and EmbeddingSegmentsSum: sums of rows of a table.
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Evaluation.OpenVino;

internal static class EmbeddingOperators
{
    /// <summary>Operands: table, indices, offset of each bag, optional default index, optional weights. An empty bag takes the row of the
    /// default index, or zeros.</summary>
    public static TensorData BagOffsets(NodeOperands operands)
    {
        long[] indices = operands.RequiredIntegers(1, "indices"), offsets = operands.RequiredIntegers(2, "offsets");
        var sums = new RowSums(operands, offsets.Length, indices, weights: 4, defaultIndex: 3);
        for (int bag = 0; bag < offsets.Length; bag++)
        {
            long first = offsets[bag], end = bag + 1 < offsets.Length ? offsets[bag + 1] : indices.Length;
            if (first < 0 || end < first || end > indices.Length)
                throw operands.Defect($"the bag {bag} from {first} to {end} does not fit {indices.Length} indices");
            for (long i = first; i < end; i++)
                sums.Add(bag, (int)i);
        }

        return sums.Finish();
    }

    /// <summary>Operands: table, indices, segment of each index, number of segments, optional default index, optional weights.</summary>
    public static TensorData Segments(NodeOperands operands)
    {
        long[] indices = operands.RequiredIntegers(1, "indices"), segments = operands.RequiredIntegers(2, "segments");
        if (segments.Length != indices.Length)
            throw operands.Defect($"there are {indices.Length} indices and {segments.Length} segments");
        int count = operands.Extent(
            (long)(operands.Scalar(3, "number of segments") ?? throw operands.Defect("the number of segments is missing")));
        var sums = new RowSums(operands, count, indices, weights: 5, defaultIndex: 4);
        for (int i = 0; i < indices.Length; i++)
        {
            if (segments[i] < 0 || segments[i] >= count)
                throw operands.Defect($"the segment {segments[i]} is out of range");
            sums.Add((int)segments[i], i);
        }

        return sums.Finish();
    }

    private sealed class RowSums
    {
        private readonly NodeOperands _operands;
        private readonly long[] _indices;
        private readonly float[] _table;
        private readonly float[]? _weights;
        private readonly float[] _sums;
        private readonly bool[] _isFilled;
        private readonly int _row;
        private readonly Shape _shape;
        private readonly int _defaultIndex;

        public RowSums(NodeOperands operands, int count, long[] indices, int weights, int defaultIndex)
        {
            _operands = operands;
            _indices = indices;
            Shape table = operands[0].Shape;
            _table = HostEvaluator.Content(operands, 0).ToSingleArray();
            _weights = operands.Has(weights) ? HostEvaluator.Content(operands, weights).ToSingleArray() : null;
            if (_weights is not null && _weights.Length != indices.Length)
                throw operands.Defect($"there are {indices.Length} indices and {_weights.Length} weights");
            _row = TensorData.CountElements(table[1..]);
            _shape = table.With(0, count);
            _sums = new float[TensorData.CountElements(_shape)];
            _isFilled = new bool[count];
            _defaultIndex = operands.Scalar(defaultIndex, "default index") is { } row && row >= 0 ? (int)row : -1;
        }

        public void Add(int target, int i)
        {
            _isFilled[target] = true;
            AddRow(target, _indices[i], _weights?[i] ?? 1);
        }

        public TensorData Finish()
        {
            for (int target = 0; target < _isFilled.Length && _defaultIndex >= 0; target++)
            {
                if (!_isFilled[target])
                    AddRow(target, _defaultIndex, 1);
            }

            return TensorData.Create<float>(_sums, _shape).ConvertTo(_operands[0].ElementType);
        }

        private void AddRow(int target, long index, float weight)
        {
            int from = IndexingOperators.Index(_operands, index, _operands[0].Shape[0]) * _row;
            for (int i = 0; i < _row; i++)
                _sums[(target * _row) + i] += weight * _table[from + i];
        }
    }
}

/// <summary>A row of the table for each bag or segment.</summary>
internal sealed class EmbeddingShape(bool bySegments) : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        int count = bySegments
            ? operands.Extent((long)(operands.Scalar(3, "number of segments")
                ?? throw operands.Defect("the number of segments is missing")))
            : operands[2].Shape.Rank == 1 ? operands[2].Shape[0] : throw operands.Defect("the offsets are no list");
        return [operands[0] with { Shape = operands[0].Shape.With(0, count) }];
    }
}
