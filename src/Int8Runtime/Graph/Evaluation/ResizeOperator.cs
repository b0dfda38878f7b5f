// Resize in all its modes: nearest, linear and cubic, with antialiasing, crops and extrapolation.
namespace Int8Runtime.Graph.Evaluation;

internal static class ResizeOperator
{
    public static TensorData Evaluate(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        ResizeView view = ResizeView.Of(operands);
        float outside = operands.Attributes.GetSingle("extrapolation_value", 0);
        CoordinateMap[] maps = [.. Enumerable.Range(0, source.Rank).Select(d => view.MapOf(d, source.Shape[d]))];
        if (view.Mode == "nearest")
        {
            int[][] indices = [.. maps.Select((map, d) => Nearest(view, map, d, source.Shape[d]))];
            return ElementCopy.Mapped(source, indices, TensorData.Scalar(outside).ConvertTo(source.ElementType).Bytes.Span);
        }

        // Interpolation is separable: one dimension after the other.
        double[] values = source.ToDoubleArray();
        int[] shape = source.Shape.ToArray();
        for (int d = 0; d < shape.Length; d++)
        {
            Taps?[] taps = TapsOf(operands, view, maps[d], d, shape[d]);
            if (taps.Length == shape[d] && taps.Select((tap, i) => tap is not null && tap.IsElement(i)).All(same => same))
                continue;
            values = Interpolate(values, shape, d, taps, outside);
            shape[d] = taps.Length;
        }

        if (!source.ElementType.IsFloatingPoint())
            values = Array.ConvertAll(values, v => Math.Round(v, MidpointRounding.ToEven));
        return TensorData.Create<double>(values, shape).ConvertTo(source.ElementType);
    }

    // The source index of each index of a dimension; −1 where it is outside and extrapolated.
    private static int[] Nearest(ResizeView view, CoordinateMap map, int dimension, int extent)
    {
        var indices = new int[view.Output[dimension]];
        for (int i = 0; i < indices.Length; i++)
        {
            double position = map.At(i);
            double rounded = view.Rounding switch
            {
                ResamplingRounding.Down => Math.Floor(position),
                ResamplingRounding.Up => Math.Ceiling(position),
                ResamplingRounding.HalfDown => Math.Ceiling(position - 0.5),
                _ => Math.Floor(position + 0.5),
            };
            indices[i] = IsOutside(view, position, extent) ? -1 : (int)Math.Clamp(rounded, 0, extent - 1);
        }

        return indices;
    }

    private static bool IsOutside(ResizeView view, double position, int extent) =>
        view.Extrapolates && (position < 0 || position > extent - 1);

    private static Taps?[] TapsOf(NodeOperands operands, ResizeView view, CoordinateMap map, int dimension, int extent)
    {
        bool isCubic = view.Mode == "cubic";
        if (!isCubic && view.Mode != "linear")
            throw new UnsupportedModelException($"{operands.Node} has the unknown mode '{view.Mode}'.");
        double a = operands.Attributes.GetSingle("cubic_coeff_a", -0.75f);
        bool excludes = operands.Attributes.GetBoolean("exclude_outside");

        // A filter that is stretched covers as many elements as an element of the result stands for.
        double stretch = operands.Attributes.GetBoolean("antialias") ? Math.Max(1, 1.0 / view.Scales[dimension]) : 1;
        double radius = (isCubic ? 2 : 1) * stretch;
        var taps = new Taps?[view.Output[dimension]];
        for (int i = 0; i < taps.Length; i++)
        {
            double position = map.At(i);
            if (IsOutside(view, position, extent))
                continue;
            int first = (int)Math.Floor(position - radius) + 1, count = (int)Math.Ceiling(position + radius) - first;
            var indices = new int[count];
            var weights = new double[count];
            for (int t = 0; t < count; t++)
            {
                int index = first + t;
                double distance = Math.Abs(index - position) / stretch;
                indices[t] = Math.Clamp(index, 0, extent - 1);
                weights[t] = excludes && index != indices[t] ? 0 : isCubic ? Cubic(distance, a) : Math.Max(0, 1 - distance);
            }

            double sum = weights.Sum();
            taps[i] = new Taps(indices, Array.ConvertAll(weights, w => w / sum));
        }

        return taps;
    }

    // Keys' convolution kernel.
    private static double Cubic(double x, double a) => x switch
    {
        <= 1 => ((((a + 2) * x) - (a + 3)) * x * x) + 1,
        < 2 => ((((a * x) - (5 * a)) * x + (8 * a)) * x) - (4 * a),
        _ => 0,
    };

    private static double[] Interpolate(double[] values, int[] shape, int dimension, Taps?[] taps, float outside)
    {
        int extent = shape[dimension];
        int outer = TensorData.CountElements(shape[..dimension]), inner = TensorData.CountElements(shape[(dimension + 1)..]);
        var result = new double[outer * taps.Length * inner];
        for (int o = 0; o < outer; o++)
        {
            for (int i = 0; i < taps.Length; i++)
            {
                Span<double> line = result.AsSpan(((o * taps.Length) + i) * inner, inner);
                if (taps[i] is not { } tap)
                {
                    line.Fill(outside);
                    continue;
                }

                for (int t = 0; t < tap.Indices.Length; t++)
                {
                    ReadOnlySpan<double> elements = values.AsSpan(((o * extent) + tap.Indices[t]) * inner, inner);
                    for (int k = 0; k < inner; k++)
                        line[k] += tap.Weights[t] * elements[k];
                }
            }
        }

        return result;
    }

    // The elements that an element of the result is a weighted sum of.
    private sealed record Taps(int[] Indices, double[] Weights)
    {
        public bool IsElement(int index) => Indices.Zip(Weights).All(tap => tap.Second == (tap.First == index ? 1 : 0));
    }
}
