// Pooling in plain C#: what the pooling primitive does not deliver, such as the places of maxima.
namespace Int8Runtime.Graph.Evaluation;

internal static class PoolingOperators
{
    /// <summary>The maxima, and where in the flattened source they lie.</summary>
    public static TensorData[] Max(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        PoolingView view = PoolingView.Of(operands);
        Shape target = new Shapes.PoolingShape().Infer(operands)[0].Shape;
        bool columnMajor = operands.Attributes.GetInteger("storage_order") != 0;
        double[] values = source.ToDoubleArray();
        int[] steps = LayoutOperators.DenseStrides(source.Shape), places = [.. steps];
        if (columnMajor)
        {
            int step = 1;
            for (int d = 2; d < places.Length; d++)
            {
                places[d] = step;
                step *= source.Shape[d];
            }
        }

        var maxima = new double[TensorData.CountElements(target)];
        TensorData indices = TensorData.Allocate(DataType.Int64, target, out Span<long> at);
        var walk = new IndexWalk(target);
        for (int i = 0; i < maxima.Length; i++, walk.Next())
        {
            maxima[i] = double.NegativeInfinity;
            at[i] = -1;
            foreach (int[] tap in Taps(view.Window, walk.Index.ToArray(), source.Shape))
            {
                int element = Offset(tap, steps);
                if (at[i] >= 0 && !(values[element] > maxima[i]))
                    continue;
                maxima[i] = values[element];
                at[i] = Offset(tap, places);
            }
        }

        return [TensorData.Create<double>(maxima, target).ConvertTo(source.ElementType), indices];
    }

    /// <summary>The p-norm of each window.</summary>
    public static TensorData Lp(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        PoolingView view = PoolingView.Of(operands);
        Shape target = new Shapes.PoolingShape().Infer(operands)[0].Shape;
        double p = operands.Attributes.GetInteger("p", 2);
        double[] values = source.ToDoubleArray(), result = new double[TensorData.CountElements(target)];
        int[] steps = LayoutOperators.DenseStrides(source.Shape);
        var walk = new IndexWalk(target);
        for (int i = 0; i < result.Length; i++, walk.Next())
            result[i] = Math.Pow(Taps(view.Window, walk.Index.ToArray(), source.Shape)
                .Sum(tap => Math.Pow(Math.Abs(values[Offset(tap, steps)]), p)), 1 / p);
        return TensorData.Create<double>(result, target).ConvertTo(source.ElementType);
    }

    // The indices of the source under a window, in row-major order.
    private static IEnumerable<int[]> Taps(SlidingWindow window, int[] position, Shape source)
    {
        int rank = window.Kernel.Rank;
        var walk = new IndexWalk(window.Kernel);
        int taps = TensorData.CountElements(window.Kernel);
        for (int t = 0; t < taps; t++, walk.Next())
        {
            int[] index = [.. position];
            bool isInside = true;
            for (int d = 0; d < rank; d++)
            {
                index[d + 2] = position[d + 2] * window.Strides[d] - window.PadBegin[d] + walk.Index[d] * window.Dilations[d];
                isInside &= index[d + 2] >= 0 && index[d + 2] < source[d + 2];
            }

            if (isInside)
                yield return index;
        }
    }

    private static int Offset(int[] index, int[] steps)
    {
        int offset = 0;
        for (int d = 0; d < index.Length; d++)
            offset += index[d] * steps[d];
        return offset;
    }
}
