// The attributes of a primitive from the options of a case; post-ops from their texts.
using System.Globalization;
using System.Text.RegularExpressions;

namespace Int8Runtime.Bench;

/// <summary>What attributes depend on in a problem.</summary>
/// <param name="Source">Dimensions of the source.</param>
/// <param name="Destination">Dimensions of the destination.</param>
/// <param name="DestinationType">Type of the destination.</param>
/// <param name="Channels">Dimension that per_oc means.</param>
internal sealed record AttributeContext(Shape Source, Shape Destination, DataType DestinationType, int Channels)
{
    /// <summary>
    /// Dimensions of the weights as benchdnn has them, and those of them that are the output channels; null without weights.
    /// </summary>
    public (Shape Dimensions, int ChannelMask)? Weights { get; init; }

    /// <summary>Whether this is a matrix product, whose scales and zero points may come in groups.</summary>
    public bool IsMatrixProduct { get; init; }

    /// <summary>
    /// The dimensions of a reorder over which values may vary, of which each policy names some; null for other operations.
    /// </summary>
    public (int First, int Count)? Spread { get; init; }

    /// <summary>The depthwise convolution behind a 1×1 convolution; null without one.</summary>
    public FusedContext? Fused { get; init; }
}

/// <summary>What attributes before a depthwise post-op depend on.</summary>
/// <param name="Between">Dimensions of the first convolution's result.</param>
/// <param name="Type">Its type.</param>
/// <param name="PostOp">The depthwise post-op without scales.</param>
internal sealed record FusedContext(Shape Between, DataType Type, DepthwisePostOp PostOp);

/// <summary>
/// benchdnn's text of a depthwise post-op, <c>dw:k3s1p1[:dt]</c>; older files add <c>:policy[:scale]</c>, a factor of the
/// result.
/// </summary>
/// <param name="Kernel">Taps in each dimension.</param>
/// <param name="Stride">Step of the window.</param>
/// <param name="Padding">Padding before the first row and column.</param>
/// <param name="DestinationType">Type of the primitive's destination.</param>
/// <param name="Scale">Policy and scale; empty where there is none.</param>
internal sealed record DepthwiseText(int Kernel, int Stride, int Padding, DataType DestinationType, string[] Scale)
{
    /// <summary>The factor as a scale of the depthwise weights.</summary>
    public QuantizationScale? WeightsScale(int channels) => Scale.Length == 0 ? null
        : QuantizationText.WeightsScale("wei:" + string.Join(':', Scale),
            new AttributeContext([], [], DestinationType, 1) { Weights = ([channels], 1) });
}

/// <summary>Reads the texts of attributes.</summary>
internal static partial class AttributeText
{
    /// <summary>All attributes of a case.</summary>
    /// <param name="options">The options.</param>
    /// <param name="context">What the attributes depend on.</param>
    /// <param name="scales">The scales, where not all of --attr-scales are attributes.</param>
    /// <param name="zeroPoints">The zero points, where not all of --attr-zero-points are attributes.</param>
    public static PrimitiveAttributes Parse(Options options, AttributeContext context, string? scales = null, string? zeroPoints = null)
    {
        if (options["attr-dropout"].Length > 0)
            throw new SkipException(SkipReason.Training, "dropout");
        if (options["attr-rounding-mode"].Contains("stochastic", StringComparison.Ordinal))
            throw new SkipException(SkipReason.Training, "stochastic rounding");
        var attributes = new PrimitiveAttributes
        {
            PostOps = PostOps(options["attr-post-ops"], context),
            // "any" allows bf16 as well; what other modes allow is no faster here, so they are computed strictly.
            NumericMode = ProblemNames.NumericMode.Find(options.Or("attr-numeric-mode", "exact"))
                ?? throw new FormatException($"'{options["attr-numeric-mode"]}' is not a numeric mode."),
            FloatMath = options["attr-fpmath"].Split(':')[0] is "bf16" or "any" ? FloatMath.BFloat16 : FloatMath.Strict,
        };
        foreach (string text in Items(scales ?? options["attr-scales"]).Concat(OutputScale(options["attr-oscale"], context)))
            attributes = QuantizationText.WithScale(attributes, text, context);
        foreach (string text in Items(zeroPoints ?? options["attr-zero-points"]))
            attributes = QuantizationText.WithZeroPoint(attributes, text, context);
        if (options["attr-scratchpad"] == "user")
            attributes = attributes with { Scratchpad = ScratchpadMode.User };
        return AtExecution(attributes, options.Or("runtime-quantization", "false"));
    }

    // Scales and zero points that are arguments of the execution: all that can be, or those of a list such as src-scale+dst-zero-point.
    private static PrimitiveAttributes AtExecution(PrimitiveAttributes attributes, string list)
    {
        if (list == "false")
            return attributes;
        string[] names = list.Split('+');
        bool Chosen(string name) => list == "true" || names.Contains(name);
        QuantizationScale? Scale(string argument, QuantizationScale? scale) =>
            !Chosen(argument + "-scale") ? scale : scale?.Granularity switch
        {
            QuantizationGranularity.PerTensor => QuantizationScale.Runtime,
            QuantizationGranularity.PerChannel => QuantizationScale.RuntimePerChannel,
            _ => scale,
        };
        ZeroPoint? Zero(string argument, ZeroPoint? zeroPoint) =>
            Chosen(argument + "-zero-point") && zeroPoint is { Granularity: QuantizationGranularity.PerTensor }
                ? ZeroPoint.Runtime : zeroPoint;
        return attributes with
        {
            SourceScale = Scale("src", attributes.SourceScale),
            Source1Scale = Scale("src1", attributes.Source1Scale),
            WeightsScale = Scale("wei", attributes.WeightsScale),
            DestinationScale = Scale("dst", attributes.DestinationScale),
            SourceZeroPoint = Zero("src", attributes.SourceZeroPoint),
            Source1ZeroPoint = Zero("src1", attributes.Source1ZeroPoint),
            WeightsZeroPoint = Zero("wei", attributes.WeightsZeroPoint),
            DestinationZeroPoint = Zero("dst", attributes.DestinationZeroPoint),
        };
    }

    /// <summary>The items of a list; older files separate them by semicolons, or operands by underscores.</summary>
    public static string[] Items(string text) =>
        OlderSeparator().Replace(text, "+").Split(['+', ';'], StringSplitOptions.RemoveEmptyEntries);

    [GeneratedRegex("(?<!dw)_(?=(?:src[01]?|wei|dst):)")]
    private static partial Regex OlderSeparator();

    /// <summary>An element-wise function by its name in any version of the suite; null where there is none of that name.</summary>
    public static (EltwiseAlgorithm Algorithm, float Alpha, float Beta)? Function(string name, float alpha, float beta) =>
        name.ToLowerInvariant() switch
        {
            "bounded_relu" => (EltwiseAlgorithm.Clip, 0, alpha),
            "logsigmoid" => (EltwiseAlgorithm.SoftRelu, -1, 0),
            string lower => ProblemNames.Eltwise.Find(lower) is { } algorithm ? (algorithm, alpha, beta) : null,
        };

    // --attr-oscale=per_oc:2 of older files: a factor of the result, which is a scale of the weights, or else of the source. A factor of 0
    // leaves it to the tool.
    private static IEnumerable<string> OutputScale(string text, AttributeContext context) => Items(text).Take(1).Select(item =>
    {
        string[] parts = item.Split(':');
        return (context.Weights is null ? "src:" : "wei:") + (parts[0] == "common" && At(parts, 1, 1) == 0 ? "common:2" : item);
    });

    private static PostOpChain PostOps(string text, AttributeContext context)
    {
        PostOpChain chain = PostOpChain.Empty;
        AttributeContext place = context.Fused is { } fused
            ? context with { Destination = fused.Between, DestinationType = fused.Type } : context;
        foreach (string item in Items(text))
        {
            string[] parts = PostOpParts(item);
            if (parts[0] == "sum")
            {
                DataType type = parts.Length > 3 ? TypesAndTags.Type(parts[3]) : DataType.Undefined;
                if (type != DataType.Undefined && type.SizeInBytes() != place.DestinationType.SizeInBytes())
                    throw new SkipException(SkipReason.InvalidCombination,
                        $"a sum of {parts[3]} over {place.DestinationType.ToShortName()}");
                chain = chain.Append(PostOp.Sum(At(parts, 1, 1), (int)At(parts, 2, 0), type));
            }
            else if (parts[0] == "dw")
            {
                chain = chain.Append(context.Fused?.PostOp
                    ?? throw new SkipException(SkipReason.InvalidCombination,
                        "a depthwise post-op behind something else than a convolution"));
                place = context;
            }
            else if (ProblemNames.Binary.Find(parts[0]) is { } binary)
            {
                if (parts.Length < 2)
                    throw new FormatException($"The post-op '{item}' names no data type.");
                chain = chain.Append(PostOp.Binary(binary, Operand(parts, place)));
            }
            else if (parts[0] == "prelu")
            {
                chain = chain.Append(PostOp.PRelu(Operand(["prelu", "f32", .. parts.Skip(1)], place)));
            }
            else if (parts[0] == "select")
            {
                throw new UnimplementedException("the post-op select");
            }
            else if (Function(parts[0], At(parts, 1, 0), At(parts, 2, 0)) is var (algorithm, alpha, beta))
            {
                chain = chain.Append(PostOp.Eltwise(algorithm, alpha, beta));
                if (At(parts, 3, 1) is var scale && scale != 1)
                    chain = chain.Append(PostOp.Eltwise(EltwiseAlgorithm.Linear, scale, 0));
            }
            else
            {
                throw new FormatException($"'{item}' is not a post-op.");
            }
        }

        return chain;
    }

    // relu:0.5, also with the kind as a prefix (eltwise_relu, binary_add), and dw_k3s1p1 for dw:k3s1p1.
    private static string[] PostOpParts(string item)
    {
        string name = item.StartsWith("dw_k", StringComparison.Ordinal) ? "dw:" + item["dw_".Length..] : item;
        foreach (string kind in (string[])["eltwise_", "binary_"])
            if (name.StartsWith(kind, StringComparison.OrdinalIgnoreCase))
                name = name[kind.Length..];
        return name.Split(':');
    }

    /// <summary>The depthwise post-op of a chain, <c>dw:k3s1p1[:dt[:policy[:scale]]]</c>; null where there is none.</summary>
    /// <exception cref="FormatException">Its text is another one.</exception>
    public static DepthwiseText? Depthwise(string postOps)
    {
        string[]? parts = Items(postOps).Select(PostOpParts).FirstOrDefault(parts => parts[0] == "dw");
        if (parts is null)
            return null;
        Match match = DepthwiseWindow().Match(parts.Length > 1 ? parts[1] : "");
        if (!match.Success)
            throw new FormatException($"'{string.Join(':', parts)}' is not a depthwise post-op; write dw:k3s1p1[:dt].");
        int Field(int group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);
        return new DepthwiseText(Field(1), Field(2), Field(3), parts.Length > 2 ? TypesAndTags.Type(parts[2]) : DataType.Float32,
            [.. parts.Skip(3)]);
    }

    [GeneratedRegex(@"^k(\d+)s(\d+)p(\d+)$")]
    private static partial Regex DepthwiseWindow();

    // ADD:f32:per_oc:axb. The policy is a mask of the dimensions that the operand has; the others are broadcast.
    private static MemoryDescriptor Operand(string[] parts, AttributeContext context)
    {
        Shape destination = context.Destination;
        int mask = Policy.MaskOf(parts.Length > 2 ? parts[2] : "common", destination.Rank, 1 << context.Channels);
        Shape dimensions = [.. destination.Select((extent, d) => (mask >> d & 1) != 0 ? extent : 1)];
        string tag = parts.Length > 3 && parts[3] != "any" ? parts[3] : "axb";
        return TypesAndTags.Tensor(dimensions, TypesAndTags.Type(parts[1]), dimensions.Rank < 2 ? "a" : tag);
    }

    private static float At(string[] parts, int index, float otherwise) =>
        index < parts.Length && parts[index].Length > 0 ? Number(parts[index]) : otherwise;

    /// <summary>A number; the asterisk that older files put behind it is ignored.</summary>
    public static float Number(string text) =>
        float.TryParse(text.TrimEnd('*'), NumberStyles.Float, CultureInfo.InvariantCulture, out float value)
            ? value
            : throw new FormatException($"'{text}' is not a number.");
}
