// Pooling, resampling and local response normalization.
using System.Text.RegularExpressions;

namespace Int8Runtime.Bench;

/// <summary>Drivers whose problems have channels and spatial extents but no weights.</summary>
internal static partial class WindowDrivers
{
    /// <summary>--pool.</summary>
    public static BenchProblem Pooling(Options options, string text)
    {
        DataType[] types = TypesAndTags.Types(options.Or("dt", "f32"), 2);
        PoolingAlgorithm algorithm = options.Or("alg", "max").ToLowerInvariant() switch
        {
            "max" or "pooling_max" => PoolingAlgorithm.Max,
            "avg_p" or "pooling_avg_include_padding" => PoolingAlgorithm.AverageIncludePadding,
            "avg_np" or "pooling_avg_exclude_padding" => PoolingAlgorithm.AverageExcludePadding,
            string other => throw new FormatException($"'{other}' is not a pooling algorithm."),
        };
        ProblemFields fields = ProblemFields.Parse(text);
        ConvolutionAxis[] axes = [.. fields.SpatialLetters().Select(letter => fields.Axis(letter, mayStopEarly: true))];
        int batch = options["mb"] == "0" ? fields.Batch : ProductDrivers.Whole(options["mb"]), channels = fields.Positive("ic");
        string tag = options.Or("tag", "abx");
        Shape source = [batch, channels, .. axes.Select(a => a.Input)], destination = [batch, channels, .. axes.Select(a => a.Output)];
        var descriptor = new PoolingDescriptor
        {
            Algorithm = algorithm,
            Source = TypesAndTags.Tensor(options, 0, source, types[0], tag),
            Destination = TypesAndTags.Tensor(options, 1, destination, types[1], tag),
            Kernel = [.. axes.Select(a => a.Kernel)],
            Strides = [.. axes.Select(a => a.Stride)],
            Dilations = [.. axes.Select(a => a.Dilation)],
            PaddingBefore = [.. axes.Select(a => a.Padding)],
            PaddingAfter = [.. axes.Select(a => Math.Max(0, a.PaddingAfter))],
        };
        return new BenchProblem(descriptor, AttributeText.Parse(options, new AttributeContext(source, destination, types[1], 1, 0)));
    }

    /// <summary>--resampling.</summary>
    public static BenchProblem Resampling(Options options, string text)
    {
        ProblemFields fields = ProblemFields.Parse(text);
        int batch = options["mb"] == "0" ? fields.Batch : ProductDrivers.Whole(options["mb"]), channels = fields.Positive("ic");
        string letters = fields.SpatialLetters(), tag = options.Or("tag", "abx");
        Shape source = [batch, channels, .. letters.Select(fields.Input)], destination = [batch, channels, .. letters.Select(fields.Output)];
        DataType result = TypesAndTags.Type(options.Or("ddt", options.Or("dt", "f32")));
        var descriptor = new ResamplingDescriptor
        {
            Algorithm = options.Or("alg", "nearest").ToLowerInvariant() switch
            {
                "nearest" or "resampling_nearest" => ResamplingAlgorithm.Nearest,
                "linear" or "resampling_linear" => ResamplingAlgorithm.Linear,
                string other => throw new FormatException($"'{other}' is not a resampling algorithm."),
            },
            Source = TypesAndTags.Tensor(options, 0, source, TypesAndTags.Type(options.Or("sdt", options.Or("dt", "f32"))), tag),
            Destination = TypesAndTags.Tensor(options, 1, destination, result, tag),
        };
        return new BenchProblem(descriptor, AttributeText.Parse(options, new AttributeContext(source, destination, result, 1, 0)));
    }

    /// <summary>--lrn.</summary>
    public static BenchProblem Lrn(Options options, string text)
    {
        DataType type = TypesAndTags.Types(options.Or("dt", "f32"), 1)[0];
        LrnAlgorithm algorithm = options.Or("alg", "ACROSS").ToUpperInvariant() switch
        {
            "ACROSS" or "LRN_ACROSS_CHANNELS" => LrnAlgorithm.AcrossChannels,
            "WITHIN" or "LRN_WITHIN_CHANNEL" => LrnAlgorithm.WithinChannel,
            string other => throw new FormatException($"'{other}' is not an LRN algorithm."),
        };
        float alpha = 1f / 8192, beta = 0.75f, k = 1;
        int size = 5;

        // The parameters of the function are taken out first: the rest has the fields of a convolution.
        Match name = NamePattern().Match(text);
        string shape = ParameterPattern().Replace(text[..name.Index], match =>
        {
            float value = AttributeText.Number(match.Groups[2].Value);
            _ = match.Groups[1].Value switch
            {
                "ls" => size = (int)value,
                "alpha" => alpha = value,
                "beta" => beta = value,
                _ => k = value,
            };
            return "";
        });
        ProblemFields fields = ProblemFields.Parse(shape);
        Shape dimensions =
        [
            options["mb"] == "0" ? fields.Batch : ProductDrivers.Whole(options["mb"]), fields.Positive("ic"),
            .. fields.SpatialLetters().Select(fields.Input),
        ];
        MemoryDescriptor tensor = TypesAndTags.Tensor(options, 0, dimensions, type, options.Or("tag", "abx"));
        var descriptor = new LrnDescriptor { Algorithm = algorithm, Source = tensor, Destination = tensor, LocalSize = size, Alpha = alpha, Beta = beta, K = k };
        return new BenchProblem(descriptor, AttributeText.Parse(options, new AttributeContext(dimensions, dimensions, type, 1, 0)));
    }

    [GeneratedRegex("_?(ls|alpha|beta|k)([0-9.]+(?:e-?[0-9]+)?)")]
    private static partial Regex ParameterPattern();

    [GeneratedRegex("n\"?[^0-9].*$|n\".*$|$")]
    private static partial Regex NamePattern();
}
