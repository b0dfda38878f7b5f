// --attr-scales and --attr-zero-points as attributes of a primitive.
namespace Int8Runtime.Bench;

/// <summary>Reads scales and zero points. Where only their number is said, the values are those of <see cref="ProblemValues"/>.</summary>
internal static class QuantizationText
{
    /// <summary>Adds the scale of an item such as <c>src:common:0.5</c> or <c>wei:per_ocic:f16:32x1</c>.</summary>
    public static PrimitiveAttributes WithScale(PrimitiveAttributes attributes, string item, AttributeContext context)
    {
        string[] fields = Fields(item);
        if (context.Fused is not null && fields[0] is "dst" or "attr_post_op_dw_wei")
            return WithScaleBetween(attributes, fields, context);
        if (fields[0] == "attr_post_op_dw_dst")
            fields[0] = "dst";
        QuantizationScale scale = Scale(fields, context);
        return fields[0] switch
        {
            "src" => attributes with { SourceScale = scale },
            "src1" => attributes with { Source1Scale = scale },
            "wei" => attributes with { WeightsScale = scale },
            "dst" => attributes with { DestinationScale = scale },
            _ => throw new UnimplementedException($"a scale of argument {fields[0]}"),
        };
    }

    /// <summary>Adds the zero point of an item such as <c>src:common:3</c> or <c>wei:per_oc:u8</c>.</summary>
    public static PrimitiveAttributes WithZeroPoint(PrimitiveAttributes attributes, string item, AttributeContext context)
    {
        string[] fields = Fields(item);
        Policy policy = PolicyOf(fields, context);
        ZeroPoint zeroPoint = policy.Mask == 0
            ? ZeroPoint.PerTensor(fields.Length > 2 && fields[2].Length > 0 ? (int)AttributeText.Number(fields[2]) : 0)
            : Spread(fields, policy, context, isZeroPoint: true) is var (index, size) && size > 0
            ? ZeroPoint.PerGroup([.. index.Select(ProblemValues.ZeroPoint)], size)
            : ZeroPoint.PerChannel([.. index.Select(ProblemValues.ZeroPoint)]);
        return fields[0] switch
        {
            "src" => attributes with { SourceZeroPoint = zeroPoint },
            "src1" => attributes with { Source1ZeroPoint = zeroPoint },
            "wei" => attributes with { WeightsZeroPoint = zeroPoint },
            "dst" => attributes with { DestinationZeroPoint = zeroPoint },
            _ => throw new UnimplementedException($"a zero point of argument {fields[0]}"),
        };
    }

    /// <summary>The scale of weights that an item states.</summary>
    public static QuantizationScale WeightsScale(string item, AttributeContext context) => Scale(Fields(item), context);

    /// <summary>
    /// The first dimension over which the values of a reorder vary, and the number of dimensions from there to the last one.
    /// </summary>
    public static (int First, int Count) ChannelRange(Options options, int rank)
    {
        string[] policies =
        [
            .. AttributeText.Items(options["attr-scales"]).Concat(AttributeText.Items(options["attr-zero-points"]))
                .Select(item => item.Split(':')).Where(fields => fields.Length > 1).Select(fields => fields[1]),
            options["attr-oscale"].Split(':')[0],
        ];
        int mask = policies.Aggregate(0, (all, policy) => all | Policy.MaskOf(policy, rank, 2));
        if (mask == 0)
            return (Math.Min(1, rank - 1), 1);
        int first = System.Numerics.BitOperations.TrailingZeroCount(mask);
        return (first, System.Numerics.BitOperations.Log2((uint)mask) - first + 1);
    }

    private static string[] Fields(string item)
    {
        string[] fields = item.Split(':');
        fields[0] = fields[0] == "src0" ? "src" : fields[0];
        return fields;
    }

    private static Policy PolicyOf(string[] fields, AttributeContext context)
    {
        (Shape shape, int channels) = Operand(fields[0], context);
        return Policy.Parse(fields, shape, channels, context.IsMatrixProduct);
    }

    private static (Shape Dimensions, int ChannelMask) Operand(string argument, AttributeContext context) =>
        argument is "wei" or "attr_post_op_dw_wei" && context.Weights is { } weights ? weights
        : argument == "dst" ? (context.Destination, 1 << context.Channels)
        : (context.Source, 1 << context.Channels);

    private static QuantizationScale Scale(string[] fields, AttributeContext context)
    {
        Policy policy = PolicyOf(fields, context);
        int type = policy.Mask == 0 ? 3 : 2;
        if (fields.Length > type && fields[type] is { Length: > 0 } name && char.IsAsciiLetter(name[0]))
            TypesAndTags.Type(name);
        if (policy.Mask == 0)
        {
            float scale = fields.Length > 2 && fields[2].Length > 0 ? AttributeText.Number(fields[2]) : 1;
            return scale > 0 && float.IsFinite(scale)
                ? QuantizationScale.PerTensor(scale)
                : throw new UnimplementedException($"a scale of {fields[0]} that is not positive");
        }

        (IEnumerable<int> index, int size) = Spread(fields, policy, context, isZeroPoint: false);
        return size > 0
            ? QuantizationScale.PerGroup([.. index.Select(ProblemValues.Scale)], size)
            : QuantizationScale.PerChannel([.. index.Select(ProblemValues.Scale)]);
    }

    // With a depthwise post-op, "dst" is what the post-op reads, and its own operands have names of their own.
    private static PrimitiveAttributes WithScaleBetween(PrimitiveAttributes attributes, string[] fields, AttributeContext context)
    {
        bool isRead = fields[0] == "dst";
        QuantizationScale scale = Scale(fields, context);
        if (isRead && scale.Granularity != QuantizationGranularity.PerTensor)
            throw new UnimplementedException($"scales over {fields[1]} between the convolutions");
        return attributes with
        {
            PostOps = PostOpChain.Create([.. attributes.PostOps.Select(postOp => postOp is not DepthwisePostOp depthwise ? postOp
                : isRead ? depthwise with { SourceScale = scale } : depthwise with { WeightsScale = scale })]),
        };
    }

    // The number of each value that the library asks for, and the length of groups along K; 0 for values of channels.
    private static (IEnumerable<int> Index, int GroupSize) Spread(
        string[] fields, Policy policy, AttributeContext context, bool isZeroPoint)
    {
        (Shape shape, int channels) = Operand(fields[0], context);
        if (context.Spread is var (first, count))
            return (policy.Values(shape, [.. shape.Select((extent, d) => d < first || d >= first + count ? 1 : extent)],
                [.. Enumerable.Repeat(1, shape.Rank)]), 0);
        if (context.IsMatrixProduct && fields[0] == "wei")
            return OfMatrix(policy, shape, sum: shape.Rank - 2, perVector: shape.Rank - 1);
        if (context.IsMatrixProduct && fields[0] == "src" && !(isZeroPoint && policy.Mask == channels && policy.Groups[^1] == 1))
            return OfMatrix(policy, shape, sum: shape.Rank - 1, perVector: -1);

        // Dimensions of extent 1 count neither way.
        int extents = Enumerable.Range(0, shape.Rank).Where(d => shape[d] > 1).Aggregate(0, (mask, d) => mask | (1 << d));
        if ((policy.Mask & extents) != (channels & extents) || policy.Groups.Any(size => size > 1))
            throw new UnimplementedException($"scales or zero points of {fields[0]} over {fields[1]}");
        int values = Enumerable.Range(0, shape.Rank).Where(d => (channels >> d & 1) != 0).Aggregate(1, (product, d) => product * shape[d]);
        return (Enumerable.Range(0, values), 0);
    }

    // Weights with one value for each column are the case of channels; all others come in groups along K, the last of which may be all of K.
    private static (IEnumerable<int> Index, int GroupSize) OfMatrix(Policy policy, Shape shape, int sum, int perVector)
    {
        int size = policy.Has(sum) ? policy.Groups[sum] : Math.Max(1, shape[sum]);
        if (shape[sum] % size != 0)
            throw new SkipException(SkipReason.InvalidCombination, $"groups of {size} in {shape}");
        bool perMatrix = Enumerable.Range(0, shape.Rank - 2).Any(d => policy.Has(d) && shape[d] > 1);
        bool isChannels = policy.Mask == 1 << perVector;
        Shape grid = shape.With(sum, isChannels ? 1 : shape[sum] / size);
        for (int d = 0; d < shape.Rank - 2 && !perMatrix; d++)
            grid = grid.With(d, 1);
        int[] step = [.. Enumerable.Repeat(1, shape.Rank)];
        step[sum] = size;
        return (policy.Values(shape, grid, step), isChannels ? 0 : size);
    }
}
