// Pooling, resampling and local response normalization.
using System.Text.RegularExpressions;

namespace Int8Runtime.Bench;

/// <summary>Drivers whose problems have channels and spatial extents but no weights.</summary>
internal static partial class WindowDrivers
{
    /// <summary>--pool.</summary>
    public static BenchProblem Pooling(Options options, string text)
    {
        DataType[] types = TypesAndTags.Types(TypesAndTags.OfOperands(options), 2);
        PoolingAlgorithm algorithm = ProblemNames.Pooling.Find(options.Or("alg", "max"))
            ?? throw new FormatException($"'{options["alg"]}' is not a pooling algorithm.");
        ProblemFields fields = ProblemFields.Parse(text);
        ConvolutionAxis[] axes = [.. fields.SpatialLetters().Select(letter => fields.Axis(letter, mayStopEarly: true))];
        int batch = options["mb"] == "0" ? fields.Batch : ProductDrivers.Whole(options["mb"]), channels = fields.Positive("ic");
        Shape source = [batch, channels, .. axes.Select(a => a.Input)], destination = [batch, channels, .. axes.Select(a => a.Output)];
        (MemoryDescriptor from, MemoryDescriptor to) = TypesAndTags.Pair(options, "tag", source, types[0], destination, types[1]);
        var descriptor = new PoolingDescriptor
        {
            Algorithm = algorithm,
            Source = from,
            Destination = to,
            Kernel = [.. axes.Select(a => a.Kernel)],
            Strides = [.. axes.Select(a => a.Stride)],
            Dilations = [.. axes.Select(a => a.Dilation)],
            PaddingBefore = [.. axes.Select(a => a.Padding)],
            PaddingAfter = [.. axes.Select(a => Math.Max(0, a.PaddingAfter))],
        };
        return new BenchProblem(descriptor, AttributeText.Parse(options, new AttributeContext(source, destination, types[1], 1)));
    }

    /// <summary>--resampling.</summary>
    public static BenchProblem Resampling(Options options, string text)
    {
        ProblemFields fields = ProblemFields.Parse(text);
        int batch = options["mb"] == "0" ? fields.Batch : ProductDrivers.Whole(options["mb"]), channels = fields.Positive("ic");
        string letters = fields.SpatialLetters();
        Shape source = [batch, channels, .. letters.Select(fields.Input)],
            destination = [batch, channels, .. letters.Select(fields.Output)];
        DataType result = TypesAndTags.Type(options.Or("ddt", options.Or("dt", "f32")));
        (MemoryDescriptor from, MemoryDescriptor to) = TypesAndTags.Pair(
            options, "tag", source, TypesAndTags.Type(options.Or("sdt", options.Or("dt", "f32"))), destination, result);
        var descriptor = new ResamplingDescriptor
        {
            Algorithm = ProblemNames.Resampling.Find(options.Or("alg", "nearest"))
                ?? throw new FormatException($"'{options["alg"]}' is not a resampling algorithm."),
            Source = from,
            Destination = to,
        };
        return new BenchProblem(descriptor, AttributeText.Parse(options, new AttributeContext(source, destination, result, 1)));
    }

    /// <summary>--lrn.</summary>
    public static BenchProblem Lrn(Options options, string text)
    {
        DataType[] types = TypesAndTags.Types(options.Or("dt", "f32"), 2);
        LrnAlgorithm algorithm = ProblemNames.Lrn.Find(options.Or("alg", "ACROSS"))
            ?? throw new FormatException($"'{options["alg"]}' is not an LRN algorithm.");
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
        (MemoryDescriptor source, MemoryDescriptor destination) =
            TypesAndTags.Pair(options, "tag", dimensions, types[0], dimensions, types[1]);
        var descriptor = new LrnDescriptor
        {
            Algorithm = algorithm, Source = source, Destination = destination, LocalSize = size, Alpha = alpha, Beta = beta, K = k,
        };
        return new BenchProblem(descriptor, AttributeText.Parse(options, new AttributeContext(dimensions, dimensions, types[1], 1)));
    }

    [GeneratedRegex("_?(ls|alpha|beta|k)(-?[0-9.]+(?:e-?[0-9]+)?)")]
    private static partial Regex ParameterPattern();

    [GeneratedRegex("n\"?[^0-9].*$|n\".*$|$")]
    private static partial Regex NamePattern();
}
