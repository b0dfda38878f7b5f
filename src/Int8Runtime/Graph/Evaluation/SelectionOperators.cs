// Where and Clip.
using System.Numerics;

namespace Int8Runtime.Graph.Evaluation;

internal static class SelectionOperators
{
    public static TensorData Where(NodeOperands operands)
    {
        TensorData whenTrue = HostEvaluator.Content(operands, 1), whenFalse = HostEvaluator.Content(operands, 2);
        if (whenTrue.ElementType != whenFalse.ElementType)
            throw operands.Defect($"the element types {whenTrue.ElementType} and {whenFalse.ElementType} differ");
        Shape shape = Broadcasting.CombineAll(operands);
        ReadOnlySpan<byte> condition = Elementwise.Broadcast(HostEvaluator.Content(operands, 0), shape).AsSpan<byte>();
        ReadOnlySpan<byte> yes = Elementwise.Broadcast(whenTrue, shape).Bytes.Span, no = Elementwise.Broadcast(whenFalse, shape).Bytes.Span;
        int size = whenTrue.ElementType.SizeInBytes();
        byte[] result = new byte[yes.Length];
        for (int i = 0; i < condition.Length; i++)
            (condition[i] != 0 ? yes : no).Slice(i * size, size).CopyTo(result.AsSpan(i * size));
        return new TensorData(whenTrue.ElementType, shape, result);
    }

    public static TensorData Clip(NodeOperands operands) =>
        Elementwise.Dispatch(operands, operands[0].ElementType, new Clipping(operands));

    private sealed class Clipping(NodeOperands operands) : INumericFunction<TensorData>
    {
        public TensorData Invoke<T>() where T : unmanaged, INumber<T>
        {
            TensorData source = HostEvaluator.Content(operands, 0);
            T? low = Bound<T>(1), high = Bound<T>(2);
            return Elementwise.Unary<T, T>(source, source.ElementType, x =>
            {
                if (low is { } least)
                    x = T.Max(x, least);
                return high is { } most ? T.Min(x, most) : x;
            });
        }

        private T? Bound<T>(int index) where T : unmanaged
        {
            if (!operands.Has(index))
                return null;
            TensorData bound = HostEvaluator.Content(operands, index);
            return bound.ElementCount == 1
                ? bound.AsSpan<T>()[0]
                : throw operands.Defect("a bound is no single number");
        }
    }
}
