// Resize.
namespace Int8Runtime.Graph;

/// <summary>The parameters of a Resize node.</summary>
/// <param name="Output">The shape of the result.</param>
/// <param name="Scales">Factor per dimension, as used for coordinates.</param>
/// <param name="Mode">nearest, linear or cubic.</param>
/// <param name="CoordinateMode">The ONNX name of the coordinate transformation.</param>
/// <param name="NearestMode">The ONNX name of the rounding of coordinates.</param>
/// <param name="Region">For tf_crop_and_resize: start and end of the region per dimension, as parts of the extent.</param>
public sealed record ResizeView(
    Shape Output, IReadOnlyList<float> Scales, string Mode, string CoordinateMode, string NearestMode,
    IReadOnlyList<(float Start, float End)> Region)
{
    /// <summary>Which element counts as the nearest.</summary>
    public ResamplingRounding Rounding => NearestMode switch
    {
        "floor" => ResamplingRounding.Down,
        "ceil" => ResamplingRounding.Up,
        "round_prefer_ceil" => ResamplingRounding.HalfUp,
        _ => ResamplingRounding.HalfDown,
    };

    /// <summary>Whether coordinates outside the source take a constant and not the border.</summary>
    public bool Extrapolates => CoordinateMode == "tf_crop_and_resize";

    /// <summary>Where indices of a dimension lie in the source.</summary>
    /// <param name="dimension">The dimension.</param>
    /// <param name="extent">The source's extent.</param>
    /// <exception cref="UnsupportedModelException">The coordinate transformation has an unknown name.</exception>
    public CoordinateMap MapOf(int dimension, int extent)
    {
        // The length of the result before it is rounded down; f32 scales that mean a ratio of extents are taken as that.
        int output = Output[dimension];
        double length = (double)Scales[dimension] * extent;
        if (Math.Abs(length - output) < 1e-5 * output)
            length = output;
        (double start, double end) = Region[dimension];
        return CoordinateMode switch
        {
            "asymmetric" => new CoordinateMap(0, extent, length, 0),
            "tf_half_pixel_for_nn" => new CoordinateMap(0.5, extent, length, 0),
            "align_corners" => length == 1 ? new CoordinateMap(0, 0, 1, 0) : new CoordinateMap(0, extent - 1, length - 1, 0),
            "pytorch_half_pixel" when output == 1 => new CoordinateMap(0, 0, 1, 0),
            "half_pixel" or "pytorch_half_pixel" => new CoordinateMap(0.5, extent, length, -0.5),
            "half_pixel_symmetric" => new CoordinateMap(0.5, extent, length, (extent / 2.0 * (1 - (output / length))) - 0.5),
            "tf_crop_and_resize" when output == 1 => new CoordinateMap(0, 0, 1, (start + end) * (extent - 1) / 2),
            "tf_crop_and_resize" => new CoordinateMap(0, (end - start) * (extent - 1), length - 1, start * (extent - 1)),
            _ => throw new UnsupportedModelException($"Resize has the unknown coordinate transformation '{CoordinateMode}'."),
        };
    }

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

        var region = new (float, float)[source.Rank];
        Array.Fill(region, (0f, 1f));
        string coordinates = attributes.GetString("coordinate_transformation_mode", "half_pixel");
        if (coordinates == "tf_crop_and_resize" && operands.Has(1))
        {
            float[] bounds = operands.KnownValue(1, "region").ToSingleArray();
            Check(bounds.Length / 2, "regions");
            for (int i = 0; i < axes.Length; i++)
                region[axes[i]] = (bounds[i], bounds[i + axes.Length]);
        }

        return new ResizeView(
            output, scales, attributes.GetString("mode", "nearest"), coordinates,
            attributes.GetString("nearest_mode", "round_prefer_floor"), region);

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
