// --attr-scales, --attr-zero-points and --attr-post-ops as attributes of a primitive.
using System.Globalization;
using System.Text.RegularExpressions;

namespace Int8Runtime.Bench;

/// <summary>What attributes depend on in a problem.</summary>
/// <param name="Source">Dimensions of the source.</param>
/// <param name="Destination">Dimensions of the destination.</param>
/// <param name="DestinationType">Type of the destination.</param>
/// <param name="Channels">Dimension that per_oc means.</param>
/// <param name="WeightsChannels">Number of output channels of the weights; 0 without weights.</param>
internal sealed record AttributeContext(Shape Source, Shape Destination, DataType DestinationType, int Channels, int WeightsChannels)
{
    /// <summary>
    /// The dimensions of a reorder over which values may vary, of which each policy names some; null for other operations.
    /// </summary>
    public (int First, int Count)? Spread { get; init; }

    /// <summary>M, K and N of a matrix product, whose scales may come in groups; null for other operations.</summary>
    public (int Rows, int Sum, int Columns)? Matrix { get; init; }

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
        : AttributeText.Parse("wei:" + string.Join(':', Scale), new AttributeContext([], [], DestinationType, 1, channels));
}

/// <summary>Reads the texts of attributes.</summary>
internal static partial class AttributeText
{
    private const string PerDimension = "per_dim_";

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
            attributes = context.Fused is null
                ? WithScale(attributes, text.Split(':'), context) : WithFusedScale(attributes, text.Split(':'), context);
        foreach (string text in Items(zeroPoints ?? options["attr-zero-points"]))
            attributes = WithZeroPoint(attributes, text.Split(':'), context);
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

    // Older files separate by semicolons.
    private static string[] Items(string text) => text.Split(['+', ';'], StringSplitOptions.RemoveEmptyEntries);

    /// <summary>An element-wise function by its name in any version of the suite; null where there is none of that name.</summary>
    public static (EltwiseAlgorithm Algorithm, float Alpha, float Beta)? Function(string name, float alpha, float beta) =>
        name.ToLowerInvariant() switch
        {
            "bounded_relu" => (EltwiseAlgorithm.Clip, 0, alpha),
            "logsigmoid" => (EltwiseAlgorithm.SoftRelu, -1, 0),
            string lower => ProblemNames.Eltwise.Find(lower) is { } algorithm ? (algorithm, alpha, beta) : null,
        };

    // --attr-oscale=per_oc:2 of older files: a factor of the result, which is a scale of the weights, or else of the source.
    private static IEnumerable<string> OutputScale(string text, AttributeContext context) =>
        text.Length == 0 ? [] : [(context.WeightsChannels > 0 ? "wei:" : "src:") + text];

    /// <summary>The scale of weights that an item of --attr-scales states.</summary>
    public static QuantizationScale? Parse(string item, AttributeContext context) =>
        WithScale(PrimitiveAttributes.Default, item.Split(':'), context).WeightsScale;

    private static PrimitiveAttributes WithScale(PrimitiveAttributes attributes, string[] parts, AttributeContext context)
    {
        string policy = parts.Length > 1 ? parts[1] : "common";
        int types = policy == "common" ? 3 : 2;
        if (parts.Length > types && parts[types] is { Length: > 0 } type && char.IsAsciiLetter(type[0]))
            TypesAndTags.Type(type);
        QuantizationScale scale = policy == "common"
            ? Common(parts)
            : context.Spread is not null
            ? QuantizationScale.PerChannel([.. SpreadIndices(parts, context).Select(ProblemValues.Scale)])
            : Groups(parts, context) is { } groups
            ? QuantizationScale.PerGroup([.. groups.Index.Select(ProblemValues.Scale)], groups.Size)
            : QuantizationScale.PerChannel([.. Enumerable.Range(0, Count(parts[0], policy, context)).Select(ProblemValues.Scale)]);
        return parts[0] switch
        {
            "src" or "src0" => attributes with { SourceScale = scale },
            "src1" => attributes with { Source1Scale = scale },
            "wei" => attributes with { WeightsScale = scale },
            "dst" => attributes with { DestinationScale = scale },
            _ => throw new UnimplementedException($"a scale of argument {parts[0]}"),
        };
    }

    private static QuantizationScale Common(string[] parts)
    {
        float scale = parts.Length > 2 && parts[2].Length > 0 ? Number(parts[2]) : 1;
        return scale > 0 && float.IsFinite(scale)
            ? QuantizationScale.PerTensor(scale) : throw new UnimplementedException($"a scale of {parts[0]} that is not positive");
    }

    // With a depthwise post-op, "dst" is what the post-op reads, and its own operands have names of their own.
    private static PrimitiveAttributes WithFusedScale(PrimitiveAttributes attributes, string[] parts, AttributeContext context)
    {
        string name = parts[0];
        if (name is "attr_post_op_dw_dst")
            return WithScale(attributes, ["dst", .. parts[1..]], context);
        if (name is not ("dst" or "attr_post_op_dw_wei"))
            return WithScale(attributes, parts, context);
        if (name == "dst" && parts.Length > 1 && parts[1] != "common")
            throw new UnimplementedException($"scales over {parts[1]} between the convolutions");
        QuantizationScale scale = WithScale(PrimitiveAttributes.Default, ["wei", .. parts[1..]], context).WeightsScale!;
        return attributes with
        {
            PostOps = PostOpChain.Create([.. attributes.PostOps.Select(postOp => postOp is not DepthwisePostOp depthwise ? postOp
                : name == "dst" ? depthwise with { SourceScale = scale } : depthwise with { WeightsScale = scale })]),
        };
    }

    private static PrimitiveAttributes WithZeroPoint(PrimitiveAttributes attributes, string[] parts, AttributeContext context)
    {
        string policy = parts.Length > 1 ? parts[1] : "common";
        ZeroPoint zeroPoint = policy == "common"
            ? ZeroPoint.PerTensor(parts.Length > 2 && parts[2].Length > 0 ? (int)Number(parts[2]) : 0)
            : context.Spread is not null
            ? ZeroPoint.PerChannel([.. SpreadIndices(parts, context).Select(ProblemValues.ZeroPoint)])
            : Groups(parts, context) is { } groups
            ? ZeroPoint.PerGroup([.. groups.Index.Select(ProblemValues.ZeroPoint)], groups.Size)
            : ZeroPoint.PerChannel([.. Enumerable.Range(0, Count(parts[0], policy, context)).Select(ProblemValues.ZeroPoint)]);
        return parts[0] switch
        {
            "src" or "src0" => attributes with { SourceZeroPoint = zeroPoint },
            "src1" => attributes with { Source1ZeroPoint = zeroPoint },
            "wei" => attributes with { WeightsZeroPoint = zeroPoint },
            "dst" => attributes with { DestinationZeroPoint = zeroPoint },
            _ => throw new UnimplementedException($"a zero point of argument {parts[0]}"),
        };
    }

    // wei:per_ocic:f32:32x1: one value for each 32 neighbours along K and each column (or for several columns). The index of each
    // value, repeated for the columns that share it; null for other policies.
    private static (int[] Index, int Size)? Groups(string[] parts, AttributeContext context)
    {
        string? text = Array.Find(parts, part => part.Contains('x', StringComparison.Ordinal) && char.IsAsciiDigit(part[0]));
        bool both = parts[1] is "per_ocic" or "per_tensor" or "per_dim_01";
        if (parts[0] == "src" && context.Matrix is not null && (text is not null || both))
            return SourceGroups(parts, text ?? "1x1", context);
        if (parts[0] != "wei" || (text is null && !both))
            return text is null ? null : throw new UnimplementedException($"scales or zero points in groups ({string.Join(':', parts)})");
        if (context.Matrix is not var (_, sum, columns))
            throw new UnimplementedException($"scales or zero points of weights over {parts[1]}");
        int[] sizes = text is null ? [1, 1] : [.. text.Split('x').Select(int.Parse)];
        int size = sizes[0], width = parts[1] == "per_oc" ? 1 : sizes[1], across = (columns + width - 1) / width;
        return sum % size == 0
            ? ([.. Enumerable.Range(0, sum / size * columns).Select(i => (i / columns * across) + (i % columns / width))], size)
            : throw new SkipException(SkipReason.InvalidCombination, $"groups of {size} in K = {sum}");
    }

    // src:per_ocic:f32:1x32: one value for each row and each 32 neighbours along K; src:per_oc:f32:1x32 has the same for every row.
    private static (int[] Index, int Size) SourceGroups(string[] parts, string text, AttributeContext context)
    {
        (int rows, int sum, _) = context.Matrix!.Value;
        int[] sizes = [.. text.Split('x').Select(int.Parse)];
        int size = sizes[^1], height = sizes.Length > 1 ? sizes[^2] : 1;
        if (sum % size != 0 || rows % height != 0)
            throw new SkipException(SkipReason.InvalidCombination, $"groups {text} in {rows}x{sum}");
        if (parts[1] == "per_tensor" && context.Source.ElementCount > (long)rows * sum)
            throw new UnimplementedException("scales or zero points of a source that differ in a batch");
        bool eachRow = parts[1] != "per_oc" && parts[1] != $"{PerDimension}{context.Source.Rank - 1}";
        int groups = sum / size;
        return ([.. Enumerable.Range(0, rows * groups).Select(i => ((eachRow ? i / groups / height : 0) * groups) + (i % groups))], size);
    }

    /// <summary>
    /// The first dimension over which the values of a reorder vary, and the number of dimensions from there to the last one.
    /// </summary>
    public static (int First, int Count) ChannelRange(string scales, string oscale, string zeroPoints, int rank)
    {
        string[] policies =
        [
            .. Items(scales).Concat(Items(zeroPoints)).Select(item => item.Split(':')).Where(parts => parts.Length > 1)
            .Select(parts => parts[1]),
            oscale.Split(':')[0],
        ];
        int[] dimensions = [.. policies.Where(policy => policy is not ("common" or "")).SelectMany(policy => DimensionsOf(policy, rank))];
        if (dimensions.Length == 0)
            return (Math.Min(1, rank - 1), 1);
        return dimensions.Max() < rank
            ? (dimensions.Min(), dimensions.Max() - dimensions.Min() + 1)
            : throw new SkipException(SkipReason.InvalidCombination, $"dimension {dimensions.Max()} of {rank}");
    }

    private static int[] DimensionsOf(string policy, int rank) => policy switch
    {
        "per_tensor" => [.. Enumerable.Range(0, rank)],
        "per_oc" => [1],
        "per_ocic" => [0, 1],
        _ when policy.StartsWith(PerDimension, StringComparison.Ordinal) => [.. policy[PerDimension.Length..].Select(digit => digit - '0')],
        _ => throw new UnimplementedException($"scales or zero points over {policy}"),
    };

    // The index of the value at each place of the reorder's dimensions. Groups, such as 8x1, are those of the last two dimensions.
    private static IEnumerable<int> SpreadIndices(string[] parts, AttributeContext context)
    {
        (int first, int count) = context.Spread!.Value;
        Shape shape = context.Source;
        int[] varying = DimensionsOf(parts[1], shape.Rank), groups = [.. Enumerable.Repeat(1, shape.Rank)];
        if (Array.Find(parts, part => part.Contains('x', StringComparison.Ordinal) && char.IsAsciiDigit(part[0])) is { } text)
        {
            int[] sizes = [.. text.Split('x').Select(int.Parse)];
            if (sizes.Length > shape.Rank)
                throw new SkipException(SkipReason.InvalidCombination, $"groups {text} in {shape}");
            sizes.CopyTo(groups, shape.Rank - sizes.Length);
        }

        Shape range = shape.Slice(first, count);
        int[] place = new int[count];
        for (long i = 0; i < range.ElementCount; i++)
        {
            int index = 0;
            foreach (int d in varying)
                index = (index * ((shape[d] + groups[d] - 1) / groups[d])) + (place[d - first] / groups[d]);
            yield return index;
            for (int d = count - 1; d >= 0 && ++place[d] == range[d]; d--)
                place[d] = 0;
        }
    }

    // How many values a policy other than common has; the library has one dimension of channels in each operand.
    private static int Count(string argument, string policy, AttributeContext context)
    {
        if (argument == "wei" && policy == "per_oc" && context.WeightsChannels > 0)
            return context.WeightsChannels;
        Shape dimensions = argument.StartsWith("dst", StringComparison.Ordinal) ? context.Destination : context.Source;
        int dimension = Dimension(policy, context);
        return argument != "wei" && dimension == context.Channels && dimension < dimensions.Rank
            ? dimensions[dimension]
            : throw new UnimplementedException($"scales or zero points of {argument} over {policy}");
    }

    private static int Dimension(string policy, AttributeContext context) => policy == "per_oc"
        ? context.Channels
        : policy.Length == PerDimension.Length + 1 && policy.StartsWith(PerDimension, StringComparison.Ordinal) ? policy[^1] - '0' : -1;

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
            else if (Function(parts[0], At(parts, 1, 0), At(parts, 2, 0)) is var (algorithm, alpha, beta))
            {
                chain = chain.Append(PostOp.Eltwise(algorithm, alpha, beta));
                if (At(parts, 3, 1) is var scale && scale != 1)
                    chain = chain.Append(PostOp.Eltwise(EltwiseAlgorithm.Linear, scale, 0));
            }
            else
            {
                throw parts[0] == "select"
                    ? new UnimplementedException($"the post-op {parts[0]}")
                    : new FormatException($"'{item}' is not a post-op.");
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
        string policy = parts.Length > 2 ? parts[2] : "common";
        int mask = int.TryParse(policy, NumberStyles.None, CultureInfo.InvariantCulture, out int bits) ? bits : policy switch
        {
            "common" => 0,
            "per_tensor" => -1,
            _ when policy.StartsWith(PerDimension, StringComparison.Ordinal) =>
                policy[PerDimension.Length..].Aggregate(0, (dimensions, digit) => dimensions | (1 << (digit - '0'))),
            _ => 1 << Dimension(policy, context),
        };
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
