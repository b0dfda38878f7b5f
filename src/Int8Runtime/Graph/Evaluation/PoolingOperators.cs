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
        int[][] windows = Windows(view.Window, source.Shape, target, LayoutOperators.DenseStrides(source.Shape)[2..]);
        int[][] places = columnMajor ? Windows(view.Window, source.Shape, target, ColumnMajorStrides(source.Shape)) : windows;
        var maxima = new double[TensorData.CountElements(target)];
        TensorData indices = TensorData.Allocate(DataType.Int64, target, out Span<long> at);
        int plane = TensorData.CountElements(source.Shape[2..]);
        for (int i = 0; i < maxima.Length; i++)
        {
            (int channel, int output) = Math.DivRem(i, windows.Length);
            int first = channel * plane, best = -1;
            maxima[i] = double.NegativeInfinity;
            for (int t = 0; t < windows[output].Length; t++)
            {
                double value = values[first + windows[output][t]];
                if (best < 0 || value > maxima[i])
                    (maxima[i], best) = (value, t);
            }

            at[i] = best < 0 ? -1 : first + places[output][best];
        }

        return [TensorData.Create<double>(maxima, target).ConvertTo(source.ElementType), indices];
    }

    /// <summary>The p-norm of each window.</summary>
    public static TensorData Lp(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        PoolingView view = PoolingView.Of(operands);
        Shape target = new Shapes.PoolingShape().Infer(operands)[0].Shape;
        double p = ExponentOf(operands);
        double[] values = source.ToDoubleArray(), result = new double[TensorData.CountElements(target)];
        int[][] windows = Windows(view.Window, source.Shape, target, LayoutOperators.DenseStrides(source.Shape)[2..]);
        int plane = TensorData.CountElements(source.Shape[2..]);
        for (int i = 0; i < result.Length; i++)
        {
            (int channel, int output) = Math.DivRem(i, windows.Length);
            result[i] = Norm(windows[output].Select(place => values[(channel * plane) + place]), p);
        }

        return TensorData.Create<double>(result, target).ConvertTo(source.ElementType);
    }

    /// <summary>The p-norm of all spatial dimensions.</summary>
    public static TensorData GlobalLp(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        Shape target = ReduceView.OfGlobalPooling(operands).Apply(source.Shape);
        double p = ExponentOf(operands);
        double[] values = source.ToDoubleArray(), result = new double[TensorData.CountElements(target)];
        int plane = TensorData.CountElements(source.Shape[2..]);
        for (int i = 0; i < result.Length; i++)
            result[i] = Norm(new ArraySegment<double>(values, i * plane, plane), p);
        return TensorData.Create<double>(result, target).ConvertTo(source.ElementType);
    }

    private static double ExponentOf(NodeOperands operands)
    {
        long p = operands.Attributes.GetInteger("p", 2);
        return p >= 1 ? p : throw operands.Defect($"there is no norm with p = {p}");
    }

    private static double Norm(IEnumerable<double> values, double p) => Math.Pow(values.Sum(v => Math.Pow(Math.Abs(v), p)), 1 / p);

    private static int[] ColumnMajorStrides(Shape source)
    {
        var strides = new int[source.Rank - 2];
        for (int d = 0, step = 1; d < strides.Length; step *= source[d + 2], d++)
            strides[d] = step;
        return strides;
    }

    // For each output of a plane the places under its window that lie in the source, in row-major order of the taps.
    private static int[][] Windows(SlidingWindow window, Shape source, Shape target, int[] strides)
    {
        var windows = new int[TensorData.CountElements(target[2..])][];
        var walk = new IndexWalk(target[2..]);
        for (int i = 0; i < windows.Length; i++, walk.Next())
        {
            List<int> places = [0];
            for (int d = 0; d < strides.Length; d++)
            {
                var next = new List<int>(places.Count * window.Kernel[d]);
                foreach (int place in places)
                {
                    for (int tap = 0; tap < window.Kernel[d]; tap++)
                    {
                        long position = ((long)walk.Index[d] * window.Strides[d]) - window.PadBegin[d] + ((long)tap * window.Dilations[d]);
                        if (position >= 0 && position < source[d + 2])
                            next.Add(place + ((int)position * strides[d]));
                    }
                }

                places = next;
            }

            windows[i] = [.. places];
        }

        return windows;
    }
}
