// Drivers of primitives that compute statistics of sets of elements.
namespace Int8Runtime.Bench;

/// <summary>Reductions and normalizations.</summary>
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
            Algorithm = ProblemNames.Reduction.Find(options.Or("alg", "sum").ToLowerInvariant()
                .Replace("reduction_", "", StringComparison.Ordinal))
                ?? throw new FormatException($"'{options["alg"]}' is not a reduction."),
            P = AttributeText.Number(options.Or("p", "1")),
            Epsilon = AttributeText.Number(options.Or("eps", "0")),
            Source = TypesAndTags.Tensor(options, 0, shapes[0], TypesAndTags.Type(options.Or("sdt", "f32")), options.Or("stag", "abx")),
            Destination = TypesAndTags.Tensor(options, 1, shapes[1], TypesAndTags.Type(options.Or("ddt", "f32")), dtag),
        };
        var context = new AttributeContext(shapes[0], shapes[1], descriptor.Destination.DataType, 1);
        return new BenchProblem(descriptor, AttributeText.Parse(options, context));
    }

    /// <summary>--bnorm: mb2ic16ih7iw7.</summary>
    public static BenchProblem BatchNormalization(Options options, string text)
    {
        Flags flags = Flags.Parse(options);
        (Shape shape, _) = Image(options, text);
        (MemoryDescriptor source, MemoryDescriptor destination) = Tensors(options, shape);
        DataType type = ParameterType(options);
        Shape parameters = [shape[1]];
        MemoryDescriptor? statistics = flags.Statistics == NormalizationStatistics.Computed ? null : new(parameters, DataType.Float32);
        return Finish(options, flags, new BatchNormalizationDescriptor
        {
            Source = source, Destination = destination, Epsilon = Epsilon(options), Statistics = flags.Statistics, Mean = statistics,
            Variance = statistics, Scale = flags.Scale ? new(parameters, type) : null, Shift = flags.Shift ? new(parameters, type) : null,
        });
    }

    /// <summary>--gnorm: g2mb2ic16ih7iw7.</summary>
    public static BenchProblem GroupNormalization(Options options, string text)
    {
        Flags flags = Flags.Parse(options);
        (Shape shape, int groups) = Image(options, text);
        (MemoryDescriptor source, MemoryDescriptor destination) = Tensors(options, shape);
        DataType type = ParameterType(options);
        Shape parameters = [shape[1]];
        MemoryDescriptor? statistics = flags.Statistics == NormalizationStatistics.Computed
            ? null : new([shape[0], groups], DataType.Float32);
        return Finish(options, flags, new GroupNormalizationDescriptor
        {
            Source = source, Destination = destination, Groups = groups, Epsilon = Epsilon(options), Statistics = flags.Statistics,
            Mean = statistics, Variance = statistics, Scale = flags.Scale ? new(parameters, type) : null,
            Shift = flags.Shift ? new(parameters, type) : null,
        });
    }

    /// <summary>--lnorm: 128x768; the last dimension is normalized, or those from --axis on.</summary>
    public static BenchProblem LayerNormalization(Options options, string text)
    {
        Flags flags = Flags.Parse(options);
        Shape shape = ElementDrivers.Dimensions(text)[0];
        (MemoryDescriptor source, MemoryDescriptor destination) = Tensors(options, shape);
        int axis = ProductDrivers.Whole(options.Or("axis", $"{shape.Rank - 1}"));
        if (axis < 0 || axis >= shape.Rank)
            throw new SkipException(SkipReason.InvalidCombination, $"axis {axis} of {shape}");
        Shape sets = shape.Slice(0, axis), parameters = shape.Slice(axis, shape.Rank - axis);
        string tag = options.Or("stat_tag", "any");
        MemoryDescriptor? statistics = flags.Statistics == NormalizationStatistics.Computed ? null
            : tag is "any" or "undef" || sets.Rank < 2 ? new MemoryDescriptor(sets, DataType.Float32)
            : TypesAndTags.Tensor(sets, DataType.Float32, tag);
        DataType type = ParameterType(options);
        return Finish(options, flags, new LayerNormalizationDescriptor
        {
            Source = source, Destination = destination, Axis = axis, Epsilon = Epsilon(options), Statistics = flags.Statistics,
            Mean = statistics, Variance = statistics, Scale = flags.Scale ? new(parameters, type) : null,
            Shift = flags.Shift ? new(parameters, type) : null,
        });
    }

    private static float Epsilon(Options options) => AttributeText.Number(options.Or("eps", "1e-5"));

    private static DataType ParameterType(Options options) => TypesAndTags.Type(options.Or("ss_dt", "f32"));

    private static (Shape Shape, int Groups) Image(Options options, string text)
    {
        ProblemFields fields = ProblemFields.Parse(text);
        int batch = options["mb"] == "0" ? fields.Batch : ProductDrivers.Whole(options["mb"]);
        return ([batch, fields.Positive("ic"), .. fields.SpatialLetters().Select(fields.Input)], fields["g"] ?? 1);
    }

    private static (MemoryDescriptor Source, MemoryDescriptor Destination) Tensors(Options options, Shape shape)
    {
        DataType[] types = TypesAndTags.Types(options.Or("dt", "f32"), 2);
        return TypesAndTags.Pair(options, "tag", shape, types[0], shape, types[1]);
    }

    // A rectifier and a residual addition of the flags come before the post-ops of the attributes.
    private static BenchProblem Finish(Options options, Flags flags, NormalizationDescriptor descriptor)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        bool inPlace = options["inplace"] == "true";
        if (inPlace && !source.Equals(destination))
            throw new SkipException(SkipReason.InvalidCombination, $"{destination} in place of {source}");
        int channels = descriptor is LayerNormalizationDescriptor ? source.Rank - 1 : 1;
        var context = new AttributeContext(source.Dimensions, destination.Dimensions, destination.DataType, channels);
        PrimitiveAttributes attributes = AttributeText.Parse(options, context);
        var postOps = new List<PostOp>();
        if (flags.Addition)
            postOps.Add(PostOp.Binary(BinaryAlgorithm.Add, destination));
        if (flags.Addition || flags.Rectifier)
            postOps.Add(PostOp.Relu());
        return new BenchProblem(descriptor, attributes with { PostOps = [.. postOps, .. attributes.PostOps] }, InPlace: inPlace);
    }

    // Letters of --flags. Forward passes of training write the statistics that they compute.
    private sealed record Flags(NormalizationStatistics Statistics, bool Scale, bool Shift, bool Rectifier, bool Addition)
    {
        public static Flags Parse(Options options)
        {
            string letters = options["flags"].ToUpperInvariant();
            if (letters.Any(letter => !"GCHRA".Contains(letter, StringComparison.Ordinal)))
                throw new UnimplementedException($"flags {letters}");
            NormalizationStatistics statistics = letters.Contains('G', StringComparison.Ordinal) ? NormalizationStatistics.Given
                : options["dir"] is "FWD_D" or "FWD_B" ? NormalizationStatistics.Stored
                : NormalizationStatistics.Computed;
            bool Has(char letter) => letters.Contains(letter, StringComparison.Ordinal);
            return new Flags(statistics, Has('C'), Has('H'), Has('R'), Has('A'));
        }
    }
}
