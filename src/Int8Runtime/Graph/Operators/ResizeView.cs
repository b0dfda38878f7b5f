// Resize.
namespace Int8Runtime.Graph;

/// <summary>The parameters of a Resize node.</summary>
/// <param name="Output">The shape of the result.</param>
/// <param name="Scales">Factor per dimension, as used for coordinates.</param>
/// <param name="Mode">nearest, linear or cubic.</param>
/// <param name="CoordinateMode">The ONNX name of the coordinate transformation.</param>
/// <param name="NearestMode">The ONNX name of the rounding of coordinates.</param>
public sealed record ResizeView(Shape Output, IReadOnlyList<float> Scales, string Mode, string CoordinateMode, string NearestMode)
{
    /// <summary>Reads a Resize node; scales or sizes must be known.</summary>
    public static ResizeView Of(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        GraphAttributes attributes = operands.Attributes;
        long[] given = attributes.GetIntegers("axes") ?? [.. Enumerable.Range(0, source.Rank).Select(i => (long)i)];
        int[] axes = operands.Axes(given, source.Rank);
        int[] output = source.ToArray();
        float[] scales = [.. Enumerable.Repeat(1f, source.Rank)];
        if (operands.Integers(3, "sizes") is { Length: > 0 } sizes)
        {
            Check(sizes.Length, "sizes");
            double common = CommonScale(attributes.GetString("keep_aspect_ratio_policy", "stretch"), source, axes, sizes);
            for (int i = 0; i < axes.Length; i++)
            {
                int extent = source[axes[i]];
                bool keepRatio = !double.IsNaN(common);
                output[axes[i]] = operands.Extent(keepRatio ? (long)Math.Floor(common * extent + 0.5) : sizes[i]);
                scales[axes[i]] = keepRatio ? (float)common : extent == 0 ? 1 : (float)output[axes[i]] / extent;
            }
        }
        else if (operands.Has(2) && operands.KnownValue(2, "scales").ToSingleArray() is { Length: > 0 } factors)
        {
            Check(factors.Length, "scales");
            for (int i = 0; i < axes.Length; i++)
            {
                if (!(factors[i] > 0) || float.IsInfinity(factors[i]))
                    throw operands.Defect($"the scale {factors[i]} is not positive");
                scales[axes[i]] = factors[i];
                output[axes[i]] = operands.Extent((long)Math.Min(Math.Floor((float)source[axes[i]] * factors[i]), int.MaxValue));
            }
        }
        else
        {
            throw operands.Defect("neither scales nor sizes are given");
        }
        return new ResizeView(
            output, scales, attributes.GetString("mode", "nearest"),
            attributes.GetString("coordinate_transformation_mode", "half_pixel"), attributes.GetString("nearest_mode", "round_prefer_floor"));

        void Check(int count, string role)
        {
            if (count != axes.Length)
                throw operands.Defect($"{count} {role} are given for {axes.Length} dimensions");
        }
    }

    // NaN: each dimension has a scale of its own.
    private static double CommonScale(string policy, Shape source, int[] axes, long[] sizes)
    {
        IEnumerable<double> ratios = axes.Select((axis, i) => (double)sizes[i] / Math.Max(source[axis], 1));
        return policy switch
        {
            "not_larger" => ratios.Min(),
            "not_smaller" => ratios.Max(),
            _ => double.NaN,
        };
    }
}
