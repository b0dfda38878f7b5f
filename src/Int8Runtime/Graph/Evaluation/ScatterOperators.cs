// Operators that write updates into a copy of the source: ScatterND, ScatterElements.
using System.Numerics;

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
        Target target = Target.Of(operands, source, updates);
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
        Target target = Target.Of(operands, source, updates);
        var walk = new IndexWalk(indices.Shape);
        for (int i = 0; i < picks.Length; i++, walk.Next())
            target.Write(IndexingOperators.Offset(operands, source.Shape, walk.Index, axis, picks[i]), i);
        return target.Result;
    }

    // A copy of the source that takes updates.
    private abstract class Target(TensorData source)
    {
        public abstract TensorData Result { get; }

        protected TensorData Source => source;

        // Replaces elements, or combines them as the attribute `reduction` says.
        public static Target Of(NodeOperands operands, TensorData source, TensorData updates)
        {
            if (source.ElementType != updates.ElementType)
                throw operands.Defect(
                    $"source and updates have the types {source.ElementType} and {updates.ElementType}");
            return operands.Attributes.GetString("reduction", "none") == "none"
                ? new Replaced(source, updates)
                : Elementwise.DispatchExact(source, new Combination(operands, source, updates));
        }

        public abstract void Write(int element, int update);
    }

    private sealed class Replaced(TensorData source, TensorData updates) : Target(source)
    {
        private readonly byte[] _bytes = source.Bytes.ToArray();
        private readonly ReadOnlyMemory<byte> _updates = updates.Bytes;
        private readonly int _size = source.ElementType.SizeInBytes();

        public override TensorData Result => new(Source.ElementType, Source.Shape, _bytes);

        public override void Write(int element, int update) =>
            _updates.Span.Slice(update * _size, _size).CopyTo(_bytes.AsSpan(element * _size));
    }

    private sealed class Combined<T>(TensorData source, T[] values, T[] updates, Func<T, T, T> combine) : Target(source)
        where T : unmanaged
    {
        public override TensorData Result => TensorData.Create<T>(values, Source.Shape).ConvertTo(Source.ElementType);

        public override void Write(int element, int update) => values[element] = combine(values[element], updates[update]);
    }

    private sealed class Combination(NodeOperands operands, TensorData source, TensorData updates) : IExactFunction<Target>
    {
        public Target Invoke<T>(T[] values) where T : unmanaged, INumber<T>
        {
            string reduction = operands.Attributes.GetString("reduction", "none");
            Func<T, T, T> combine = reduction switch
            {
                "add" => static (a, b) => unchecked(a + b),
                "mul" => static (a, b) => unchecked(a * b),
                "max" => T.Max,
                "min" => T.Min,
                _ => throw operands.Defect($"the reduction '{reduction}' is unknown"),
            };
            return new Combined<T>(source, values, Elementwise.ExactElements<T>(updates), combine);
        }
    }
}
