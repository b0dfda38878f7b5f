// CumSum.
using System.Numerics;

namespace Int8Runtime.Graph.Evaluation;

internal static class ScanOperators
{
    public static TensorData CumSum(NodeOperands operands) =>
        Elementwise.Dispatch(operands, operands[0].ElementType, new Sums(operands));

    private sealed class Sums(NodeOperands operands) : INumericFunction<TensorData>
    {
        public TensorData Invoke<T>() where T : unmanaged, INumber<T>
        {
            TensorData source = HostEvaluator.Content(operands, 0);
            int axis = operands.Axis((long)(operands.Scalar(1, "axis") ?? throw operands.Defect("the axis is missing")), source.Rank);
            bool exclusive = operands.Attributes.GetBoolean("exclusive"), reverse = operands.Attributes.GetBoolean("reverse");
            int extent = source.Shape[axis], inner = TensorData.CountElements(source.Shape[(axis + 1)..]);
            ReadOnlySpan<T> elements = source.AsSpan<T>();
            TensorData result = TensorData.Allocate(source.ElementType, source.Shape, out Span<T> target);
            for (int line = 0; line < (extent == 0 ? 0 : elements.Length / extent); line++)
            {
                int first = line / inner * inner * extent + line % inner;
                T sum = T.Zero;
                for (int i = 0; i < extent; i++)
                {
                    int position = first + (reverse ? extent - 1 - i : i) * inner;
                    T next = unchecked(sum + elements[position]);
                    target[position] = exclusive ? sum : next;
                    sum = next;
                }
            }
            return result;
        }
    }
}
