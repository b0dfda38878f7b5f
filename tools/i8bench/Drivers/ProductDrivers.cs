// Convolution, fully connected layer, matrix product.
namespace Int8Runtime.Bench;

/// <summary>Drivers with weights.</summary>
internal static class ProductDrivers
{
    /// <summary>--conv.</summary>
    public static BenchProblem Convolution(Options options, string text)
    {
        ConvolutionProblem problem = Problem(options, text, ProblemText.ParseConvolution);
        return AttributeText.Depthwise(options["attr-post-ops"]) is { } depthwise
            ? WithDepthwise(options, problem, depthwise)
            : Finish(options, problem, types => problem.ToDescriptor(types, WithBias(options)));
    }

    // The destination that options name is what the depthwise post-op reads; its own type is behind the post-op. It has weights of the
    // same type, and a bias where the convolution has one.
    private static BenchProblem WithDepthwise(Options options, ConvolutionProblem problem, DepthwiseText depthwise)
    {
        if (problem.SpatialRank != 2 || problem.Kernel.ElementCount != 1 || problem.Padding.Any(pad => pad != 0))
            throw new SkipException(SkipReason.InvalidCombination, "a depthwise post-op behind another convolution than 1x1");
        DataType[] types = TypesAndTags.ProductTypes(options);
        int channels = problem.OutputChannels;
        MemoryDescriptor? bias = WithBias(options) ? new MemoryDescriptor([channels], DataType.Float32) : null;
        DepthwisePostOp postOp = PostOp.Depthwise(
            new MemoryDescriptor([channels, 1, depthwise.Kernel, depthwise.Kernel], types[1]), depthwise.Stride,
            depthwise.Padding, types[2],
            OfType(bias, options)) with { WeightsScale = depthwise.WeightsScale(channels) };
        Shape destination = [problem.Batch, channels, .. problem.Output.Select(postOp.OutputExtent)];
        BenchProblem fused = Finish(options, problem, operands => problem.ToDescriptor(operands, WithBias(options)) with
        {
            Destination = MemoryDescriptor.Any(destination, depthwise.DestinationType),
        }, new FusedContext([problem.Batch, channels, .. problem.Output], types[2], postOp));
        long taps = (long)depthwise.Kernel * depthwise.Kernel * destination.ElementCount;
        return fused with { MultiplyAccumulates = problem.MultiplyAccumulates + taps };
    }

    /// <summary>--deconv: the convolution of the same fields, from its destination to its source.</summary>
    public static BenchProblem Deconvolution(Options options, string text)
    {
        ConvolutionProblem problem = Problem(options, text, ProblemText.ParseDeconvolution);
        return Finish(options, problem, types =>
        {
            ConvolutionDescriptor mirrored = problem.ToDescriptor(types, bias: false);
            return new DeconvolutionDescriptor
            {
                Source = mirrored.Destination,
                Weights = MemoryDescriptor.Any(
                    [problem.InputChannels, problem.OutputChannels / problem.Groups, .. problem.Kernel], types.Weights),
                Bias = WithBias(options) ? new MemoryDescriptor([problem.InputChannels], DataType.Float32) : null,
                Destination = mirrored.Source,
                Strides = mirrored.Strides,
                Dilations = mirrored.Dilations,
                PaddingBefore = mirrored.PaddingBefore,
                PaddingAfter = [.. Enumerable.Range(0, problem.SpatialRank).Select(a => problem.Axis(a).PaddingAfter)],
                Groups = problem.Groups,
            };
        });
    }

    /// <summary>--ip.</summary>
    public static BenchProblem InnerProduct(Options options, string text)
    {
        DataType[] types = TypesAndTags.ProductTypes(options);
        InnerProductProblem problem = ProblemText.ParseInnerProduct(text);
        if (options["mb"] != "0")
            problem = problem with { Batch = Whole(options["mb"]) };
        InnerProductDescriptor descriptor = problem.ToDescriptor(new OperandTypes(types[0], types[1], types[2]), WithBias(options));
        descriptor = descriptor with
        {
            Bias = OfType(descriptor.Bias, options),
            Source = TypesAndTags.Tensor(options, 0, descriptor.Source.Dimensions, types[0], options["stag"]),
            Weights = Weights(options, descriptor.Weights, groups: 1),
            Destination = TypesAndTags.Tensor(options, 2, descriptor.Destination.Dimensions, types[2], options["dtag"]),
        };
        var context = new AttributeContext(descriptor.Source.Dimensions, descriptor.Destination.Dimensions, types[2], 1)
        {
            Weights = (descriptor.Weights.Dimensions, 1),
        };
        return new BenchProblem(descriptor, AttributeText.Parse(options, context), problem.MultiplyAccumulates);
    }

    /// <summary>--matmul.</summary>
    public static BenchProblem MatMul(Options options, string text)
    {
        DataType[] types = TypesAndTags.ProductTypes(options);
        MatMulProblem problem = ProblemText.ParseMatMul(text);
        // Extents that are given at execution: the plan is made then, from weights in a plain layout.
        bool runtime = options["runtime_dims_masks"].Split(':').Any(mask => mask is not ("" or "0"));
        int rank = problem.Source.Rank;
        MatMulDescriptor descriptor = problem.ToDescriptor(new OperandTypes(types[0], types[1], types[2]), bias: false);
        descriptor = descriptor with
        {
            Source = TypesAndTags.Tensor(options, 0, problem.Source, types[0], options["stag"]),
            Weights = Weights(options, descriptor.Weights, groups: 1),
            Destination = TypesAndTags.Tensor(options, 2, problem.Destination, types[2], options["dtag"]),
            Bias = MatrixBias(options, problem.Destination),
        };
        var context = new AttributeContext(problem.Source, problem.Destination, types[2], rank - 1)
        {
            Weights = (problem.Weights, 1 << (rank - 1)),
            IsMatrixProduct = true,
        };
        if (runtime)
            descriptor = RuntimeMatMul.Plain(descriptor);
        return new BenchProblem(descriptor, AttributeText.Parse(options, context), problem.MultiplyAccumulates);
    }

    private static ConvolutionProblem Problem(Options options, string text, Func<string, ConvolutionProblem> parse)
    {
        if (options["alg"].Contains("wino", StringComparison.OrdinalIgnoreCase))
            throw new UnimplementedException("algorithm winograd");
        ConvolutionProblem problem = parse(text);
        return options["mb"] == "0" ? problem : problem with { Batch = Whole(options["mb"]) };
    }

    private static BenchProblem Finish(
        Options options, ConvolutionProblem problem, Func<OperandTypes, ConvolutionDescriptorBase> build, FusedContext? fused = null)
    {
        DataType[] types = TypesAndTags.ProductTypes(options);
        ConvolutionDescriptorBase descriptor = build(new OperandTypes(types[0], types[1], types[2]));
        DataType result = fused is null ? types[2] : descriptor.Destination.DataType;
        descriptor = descriptor with
        {
            Bias = OfType(descriptor.Bias, options),
            Source = TypesAndTags.Tensor(options, 0, descriptor.Source.Dimensions, types[0], options["stag"]),
            Weights = Weights(options, descriptor.Weights, problem.Groups),
            Destination = TypesAndTags.Tensor(
                options, 2, descriptor.Destination.Dimensions, result, options["dtag"]),
        };
        var context = new AttributeContext(descriptor.Source.Dimensions, descriptor.Destination.Dimensions, result, 1)
        {
            Weights = GroupedWeights(descriptor, problem.Groups),
            Fused = fused,
        };
        return new BenchProblem(descriptor, AttributeText.Parse(options, context), problem.MultiplyAccumulates);
    }

    // benchdnn has the groups of weights as a dimension of their own, which belongs to the output channels.
    private static (Shape Dimensions, int ChannelMask) GroupedWeights(ConvolutionDescriptorBase descriptor, int groups)
    {
        Shape weights = descriptor.Weights.Dimensions;
        return groups == 1 ? (weights, 1) : ([groups, weights[0] / groups, .. weights.Skip(1)], 3);
    }

    private static bool WithBias(Options options) => options.Or("dir", "FWD_B") is "FWD_B" or "BWD_WB";

    private static MemoryDescriptor? OfType(MemoryDescriptor? bias, Options options) =>
        bias is null || options.Or("bia-dt", "undef") == "undef" ? bias : bias.WithDataType(TypesAndTags.Type(options["bia-dt"]));

    // The mask names the dimensions that the bias has; the others are broadcast.
    private static MemoryDescriptor? MatrixBias(Options options, Shape destination)
    {
        if (options.Or("bia-dt", "undef") == "undef")
            return null;
        int mask = Whole(options.Or("bia_mask", "2"));
        Shape dimensions = [.. destination.Select((extent, d) => (mask >> d & 1) != 0 ? extent : 1)];
        return new MemoryDescriptor(dimensions, TypesAndTags.Type(options["bia-dt"]));
    }

    // Tags and strides of grouped weights have the group as a dimension of its own, which the library's weights do not.
    private static MemoryDescriptor Weights(Options options, MemoryDescriptor weights, int groups)
    {
        string tag = options["wtag"];
        Shape dimensions = weights.Dimensions;
        bool isStrided = TypesAndTags.HasStrides(options, 1, dimensions.Rank + 1);
        if (groups == 1 || (tag is "" or "any" && !isStrided))
            return TypesAndTags.Tensor(options, 1, dimensions, weights.DataType, tag);
        MemoryDescriptor grouped = TypesAndTags.Tensor(
            options, 1, [groups, dimensions[0] / groups, .. dimensions.Skip(1)], weights.DataType, tag);
        return grouped.JoinFirstDimensions() ?? throw new UnimplementedException($"grouped weights as {grouped.LayoutText()}");
    }

    /// <summary>A whole number of an option.</summary>
    internal static int Whole(string text) =>
        !long.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out long value)
            ? throw new FormatException($"'{text}' is not a whole number.")
            : value == (int)value ? (int)value : throw new UnimplementedException($"numbers beyond 32 bits, such as {text}");
}
