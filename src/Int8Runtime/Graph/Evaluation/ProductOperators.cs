// Matrix products of element types that primitives do not multiply.
using System.Numerics;

namespace Int8Runtime.Graph.Evaluation;

internal static class ProductOperators
{
    /// <summary>MatMul: a product for each matrix of the batch, over which operands are broadcast.</summary>
    public static TensorData MatMul(NodeOperands operands)
    {
        operands.RequireOneType();
        return Elementwise.Dispatch(operands, operands[0].ElementType, new Products(operands));
    }

    private sealed class Products(NodeOperands operands) : INumericFunction<TensorData>
    {
        public TensorData Invoke<T>() where T : unmanaged, INumber<T>
        {
            MatMulView view = MatMulView.Of(operands);
            TensorData left = Matrices(0, view.Batch, [view.M, view.K]), right = Matrices(1, view.Batch, [view.K, view.N]);
            ReadOnlySpan<T> a = left.AsSpan<T>(), b = right.AsSpan<T>();
            TensorData result = TensorData.Allocate(left.ElementType, [.. view.Batch, view.M, view.N], out Span<T> target);
            target.Clear();
            for (int row = 0; view.N > 0 && row < target.Length / view.N; row++)
            {
                Span<T> sums = target.Slice(row * view.N, view.N);
                for (int k = 0; k < view.K; k++)
                {
                    T factor = a[(row * view.K) + k];
                    ReadOnlySpan<T> line = b.Slice(((row / view.M * view.K) + k) * view.N, view.N);
                    for (int n = 0; n < sums.Length; n++)
                        sums[n] = unchecked(sums[n] + (factor * line[n]));
                }
            }

            return result.Reshaped(view.Output);
        }

        // The operand with its matrices repeated for every one of the batch.
        private TensorData Matrices(int index, Shape batch, Shape matrix)
        {
            TensorData content = HostEvaluator.Content(operands, index);
            Shape own = content.Rank > 2 ? [.. content.Shape[..^2], .. matrix] : matrix;
            return Elementwise.Broadcast(content.Reshaped(own), [.. batch, .. matrix]);
        }
    }
}
