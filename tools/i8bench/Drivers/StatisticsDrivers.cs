// Drivers of primitives that compute statistics of sets of elements.
namespace Int8Runtime.Bench;

/// <summary>Reductions.</summary>
internal static class StatisticsDrivers
{
    /// <summary>--reduction: 2x16x3x4:1x16x1x1.</summary>
    public static BenchProblem Reduction(Options options, string text)
    {
        Shape[] shapes = ElementDrivers.Dimensions(text);
        if (shapes.Length != 2)
            throw new FormatException($"'{text}' needs a source and a destination.");
        string dtag = options.Or("dtag", "any");
        var descriptor = new ReductionDescriptor
        {
            Algorithm = options.Or("alg", "sum").ToLowerInvariant().Replace("reduction_", "", StringComparison.Ordinal) switch
            {
                "max" => ReductionAlgorithm.Max,
                "min" => ReductionAlgorithm.Min,
                "sum" => ReductionAlgorithm.Sum,
                "mul" => ReductionAlgorithm.Product,
                "mean" => ReductionAlgorithm.Mean,
                "norm_lp_max" => ReductionAlgorithm.NormMax,
                "norm_lp_sum" => ReductionAlgorithm.NormSum,
                "norm_lp_power_p_max" => ReductionAlgorithm.NormPowerMax,
                "norm_lp_power_p_sum" => ReductionAlgorithm.NormPowerSum,
                string other => throw new FormatException($"'{other}' is not a reduction."),
            },
            P = AttributeText.Number(options.Or("p", "1")),
            Epsilon = AttributeText.Number(options.Or("eps", "0")),
            Source = TypesAndTags.Tensor(shapes[0], TypesAndTags.Type(options.Or("sdt", "f32")), options.Or("stag", "abx")),
            Destination = TypesAndTags.Tensor(shapes[1], TypesAndTags.Type(options.Or("ddt", "f32")), dtag),
        };
        var context = new AttributeContext(shapes[0], shapes[1], descriptor.Destination.DataType, 1, 0);
        return new BenchProblem(descriptor, AttributeText.Parse(options, context));
    }
}
