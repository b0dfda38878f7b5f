// Random problems: shapes with tails, strides, pads, dilations, groups, types, scales, zero points and post-op chains.
using FsCheck;
using FsCheck.Fluent;

namespace Int8Runtime.TestKit;

/// <summary>A random problem; prints as the line of i8bench that a failure shows.</summary>
/// <param name="Descriptor">The operation.</param>
/// <param name="Attributes">Quantization and post-ops.</param>
/// <param name="Options">Seed, content and guard placement.</param>
public sealed record Problem(PrimitiveDescriptor Descriptor, PrimitiveAttributes Attributes, CheckOptions Options)
{
    /// <summary>
    /// Whether post-ops keep the rounding of a sum within its bound; squares and products of f32 magnify it.
    /// </summary>
    public bool IsLinear() => !Attributes.PostOps.Any(postOp =>
        postOp is EltwisePostOp { Algorithm: EltwiseAlgorithm.Square } or BinaryPostOp { Algorithm: BinaryAlgorithm.Multiply });

    /// <inheritdoc/>
    public override string ToString() =>
        $"seed {Options.Seed} {Options.Fill} {Options.Placement}: {ProblemLine.Of(Descriptor, Attributes)}";
}

/// <summary>Generators of problems and their parts.</summary>
public static class Arbitraries
{
    /// <summary>Multiply-adds of the largest problem, so that the scalar reference stays fast.</summary>
    public const long LargestWork = 1_000_000;

    /// <summary>Any seed.</summary>
    public static Gen<int> Seed { get; } = Gen.Choose(1, 1_000_000);

    /// <summary>A number of channels: small, around the vector widths, or a multiple with a tail of 1 to 15.</summary>
    public static Gen<int> Channels { get; } = Gen.OneOf(
        Gen.Choose(1, 15), Gen.Elements(16, 24, 31, 32, 33, 48, 63, 64, 65),
        from blocks in Gen.Choose(1, 5) from tail in Gen.Choose(1, 15) select (blocks * 16) + tail);

    /// <summary>u8 or s8.</summary>
    public static Gen<DataType> Int8Type { get; } = Gen.Elements(DataType.UInt8, DataType.Int8);

    /// <summary>Types that an integer product may be stored as.</summary>
    public static Gen<DataType> DestinationType { get; } =
        Gen.Elements(DataType.UInt8, DataType.Int8, DataType.Int32, DataType.Float32);

    /// <summary>A positive scale from 2⁻¹⁰ to 2³, with powers of two and 1 mixed in.</summary>
    public static Gen<float> Scale { get; } = Gen.OneOf(
        Gen.Constant(1f),
        from e in Gen.Choose(-10, 3) select MathF.ScaleB(1, e),
        from n in Gen.Choose(1, 10_000) select n / 5_000f);

    /// <summary>Content of tensors: mostly typical, sometimes all extremes.</summary>
    public static Gen<FillKind> Fill { get; } = Gen.Elements(FillKind.Typical, FillKind.Typical, FillKind.Extremes);

    /// <summary>Both placements.</summary>
    public static Gen<GuardPlacement> Placement { get; } = Gen.Elements(GuardPlacement.AtEnd, GuardPlacement.AtStart);

    /// <summary>Seed, content and guard placement with an accepted difference.</summary>
    public static Gen<CheckOptions> Options(Tolerance tolerance = default) =>
        from seed in Seed
        from fill in Fill
        from placement in Placement
        select new CheckOptions { Seed = seed, Fill = fill, Placement = placement, Tolerance = tolerance };

    /// <summary>A zero point inside the range of a type; 0 half of the time, and for floats and s32 always.</summary>
    public static Gen<int> ZeroPoint(DataType type) => type.IsInt8()
        ? Gen.OneOf(Gen.Constant(0), Gen.Choose(type.IntegerRange().Min, type.IntegerRange().Max))
        : Gen.Constant(0);

    /// <summary>A shape of the given rank with extents from 1 to <paramref name="largest"/>.</summary>
    public static Gen<Shape> ShapeOf(int rank, int largest = 9) =>
        from extents in Gen.Choose(1, largest).ArrayOf(rank) select Shape.Create(extents);

    /// <summary>One scale, or one for each of <paramref name="channels"/> channels.</summary>
    public static Gen<QuantizationScale> ScaleOf(int channels) => Gen.OneOf(
        from scale in Scale select QuantizationScale.PerTensor(scale),
        from scales in Scale.ArrayOf(channels) select QuantizationScale.PerChannel(scales));

    /// <summary>A chain of up to three post-ops for a destination; operands are per tensor, per channel or full.</summary>
    public static Gen<PostOpChain> PostOps(MemoryDescriptor destination, bool binary = true)
    {
        ArgumentNullException.ThrowIfNull(destination);
        var kinds = new List<Gen<PostOp>>
        {
            from scale in Scale
            from zeroPoint in ZeroPoint(destination.DataType)
            select PostOp.Sum(scale, zeroPoint),
            from alpha in Gen.Elements(0f, 0f, 0.25f, -0.5f) select PostOp.Relu(alpha),
            from high in Gen.Elements(0.5f, 6f, 100f) select PostOp.Clip(-0.25f, high),
            from alpha in Gen.Elements(0.5f, 2f, -1f)
            from beta in Gen.Elements(0f, 0.5f, -3f)
            select PostOp.Eltwise(EltwiseAlgorithm.Linear, alpha, beta),
            from algorithm in Gen.Elements(EltwiseAlgorithm.Abs, EltwiseAlgorithm.Square) select PostOp.Eltwise(algorithm),
            Gen.Constant(PostOp.Eltwise(EltwiseAlgorithm.HardSwish, 1f / 6, 0.5f)),
        };
        if (binary)
        {
            kinds.Add(
                from algorithm in Gen.Elements(BinaryAlgorithm.Add, BinaryAlgorithm.Multiply, BinaryAlgorithm.Maximum)
                from dimensions in Gen.Elements(BroadcastShapes(destination.Dimensions))
                select PostOp.Binary(algorithm, OperandOf(dimensions)));
        }

        return from count in Gen.Elements(0, 0, 1, 1, 2, 3)
               from items in Gen.OneOf(kinds).ArrayOf(count)
               select PostOpChain.Create(items);
    }

    /// <summary>A convolution in nhwc with every kind of window, at most <see cref="LargestWork"/> multiply-adds.</summary>
    /// <param name="source">Type of the source.</param>
    /// <param name="weights">Type of the weights.</param>
    /// <param name="destination">Type of the destination.</param>
    public static Gen<ConvolutionDescriptor> Convolution(DataType source, DataType weights, DataType destination) =>
        AnyConvolution(source, weights, destination).Where(c => c.MultiplyAccumulates <= LargestWork);

    private static Gen<ConvolutionDescriptor> AnyConvolution(DataType source, DataType weights, DataType destination) =>
        from window in Window
        from groups in Gen.Frequency((4, Gen.Constant(1)), (2, Gen.Constant(0)), (1, Gen.Choose(2, 4)))
        from inputs in groups > 1 ? Gen.Choose(1, 9) : Channels
        from outputs in groups > 1 ? Gen.Choose(1, 20) : Channels
        from batch in Gen.Elements(1, 1, 2)
        from bias in Gen.Elements(true, false)
        select Build(source, weights, destination, window, groups, inputs, outputs, batch, bias);

    /// <summary>Scales and zero points for an integer product with <paramref name="outputs"/> channels.</summary>
    /// <param name="source">Type of the source.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="outputs">Number of output channels.</param>
    /// <param name="weightsZeroPoint">Whether the weights may have zero points.</param>
    public static Gen<PrimitiveAttributes> IntegerProductAttributes(
        DataType source, MemoryDescriptor destination, int outputs, bool weightsZeroPoint = true)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return from sourceScale in Scale
               from sourceZeroPoint in ZeroPoint(source)
               from weightsScale in ScaleOf(outputs)
               from weightsZero in weightsZeroPoint ? Gen.Elements(0, 0, 0, 3, 107) : Gen.Constant(0)
               from destinationScale in Scale
               from destinationZeroPoint in ZeroPoint(destination.DataType)
               from postOps in PostOps(destination)
               from mode in Gen.Elements(NumericMode.Exact, NumericMode.ExactPairs, NumericMode.ExactQuads)
               select new PrimitiveAttributes
               {
                   NumericMode = mode,
                   SourceScale = QuantizationScale.PerTensor(sourceScale * 0.01f),
                   SourceZeroPoint = sourceZeroPoint,
                   WeightsScale = weightsScale,
                   WeightsZeroPoint = weightsZero == 0 ? null : Int8Runtime.ZeroPoint.PerTensor(weightsZero),
                   DestinationScale = QuantizationScale.PerTensor(destinationScale),
                   DestinationZeroPoint = destinationZeroPoint,
                   PostOps = postOps,
               };
    }

    /// <summary>A deconvolution in nhwc with every kind of window, at most <see cref="LargestWork"/> multiply-adds.</summary>
    /// <param name="source">Type of the source.</param>
    /// <param name="weights">Type of the weights.</param>
    /// <param name="destination">Type of the destination.</param>
    public static Gen<DeconvolutionDescriptor> Deconvolution(DataType source, DataType weights, DataType destination)
    {
        // A deconvolution goes from the destination of a convolution to its source, with as many source channels as that has outputs.
        Gen<DeconvolutionDescriptor> any =
            from convolution in AnyConvolution(source, weights, destination)
            select new DeconvolutionDescriptor
            {
                Source = new MemoryDescriptor(convolution.Destination.Dimensions, source, FormatTag.Nhwc),
                Weights = MemoryDescriptor.Any(
                    [
                        convolution.Source.Dimensions[1], convolution.Weights.Dimensions[0] / convolution.Groups,
                        .. convolution.Weights.Dimensions[2..],
                    ],
                    weights),
                Bias = convolution.Bias is null ? null : new MemoryDescriptor([convolution.Source.Dimensions[1]], DataType.Float32),
                Destination = new MemoryDescriptor(convolution.Source.Dimensions, destination, FormatTag.Nhwc),
                Strides = convolution.Strides,
                Dilations = convolution.Dilations,
                PaddingBefore = convolution.PaddingBefore,
                PaddingAfter = convolution.PaddingAfter,
                Groups = convolution.Groups,
            };
        return any.Where(d => d.MultiplyAccumulates <= LargestWork);
    }

    /// <summary>An int8 convolution of any types with attributes.</summary>
    public static Gen<Problem> IntegerConvolution => IntegerProblem(Convolution);

    /// <summary>An int8 deconvolution of any types with attributes.</summary>
    public static Gen<Problem> IntegerDeconvolution => IntegerProblem(Deconvolution);

    /// <summary>An f32 convolution with post-ops.</summary>
    public static Gen<Problem> FloatConvolution => FloatProblem(Convolution);

    /// <summary>An f32 deconvolution with post-ops.</summary>
    public static Gen<Problem> FloatDeconvolution => FloatProblem(Deconvolution);

    private static Gen<Problem> IntegerProblem<TDescriptor>(Func<DataType, DataType, DataType, Gen<TDescriptor>> shapes)
        where TDescriptor : ConvolutionDescriptorBase =>
        from source in Int8Type
        from destination in DestinationType
        from descriptor in shapes(source, DataType.Int8, destination)
        from attributes in IntegerProductAttributes(source, descriptor.Destination, descriptor.Destination.Dimensions[1])
        from options in Options()
        select new Problem(descriptor, attributes, options);

    /// <summary>Types of source, weights and destination of a product of floats: f32, bf16, f16 and mixtures.</summary>
    public static Gen<(DataType Source, DataType Weights, DataType Destination)> FloatTypes { get; } = Gen.OneOf(
        Gen.Constant((DataType.Float32, DataType.Float32, DataType.Float32)),
        from destination in Gen.Elements(DataType.BFloat16, DataType.Float32)
        select (DataType.BFloat16, DataType.BFloat16, destination),
        from types in Gen.Elements(DataType.Float32, DataType.BFloat16, DataType.Float16).ArrayOf(3)
        select (types[0], types[1], types[2]));

    /// <summary>The bound of a sum of <paramref name="terms"/> float products, stored as <paramref name="destination"/>.</summary>
    public static Tolerance FloatSum(DataType destination, long terms) =>
        Tolerance.ForFloatSum(terms * 4) with { Ulps = destination == DataType.Float32 ? 0 : 1 };

    private static Gen<Problem> FloatProblem<TDescriptor>(Func<DataType, DataType, DataType, Gen<TDescriptor>> shapes)
        where TDescriptor : ConvolutionDescriptorBase =>
        from types in FloatTypes
        from descriptor in shapes(types.Source, types.Weights, types.Destination)
        from postOps in PostOps(descriptor.Destination)
        let terms = descriptor.Weights.ElementCount / descriptor.Weights.Dimensions[0]
        from options in Options(FloatSum(types.Destination, terms))
        select new Problem(descriptor, new PrimitiveAttributes { PostOps = postOps }, options);

    private static Gen<WindowSpec> Window { get; } =
        from kernel in Gen.Elements((1, 1), (1, 1), (3, 3), (3, 3), (5, 5), (1, 3), (3, 1), (2, 2), (7, 7))
        from stride in Gen.Elements((1, 1), (1, 1), (2, 2), (2, 1), (3, 2))
        from dilation in Gen.Elements((1, 1), (1, 1), (1, 1), (2, 2), (1, 3))
        from before in Gen.Choose(0, 3).ArrayOf(2)
        from after in Gen.Choose(0, 3).ArrayOf(2)
        from extra in Gen.Choose(0, 9).ArrayOf(2)
        select new WindowSpec(kernel, stride, dilation, before, after, extra);

    private static Shape[] BroadcastShapes(Shape destination)
    {
        Shape scalar = Shape.Filled(destination.Rank, 1);
        return [scalar, scalar.With(1, destination[1]), destination];
    }

    private static MemoryDescriptor OperandOf(Shape dimensions) =>
        new(dimensions, DataType.Float32, FormatTag.ChannelsLast(dimensions.Rank));

    private static ConvolutionDescriptor Build(
        DataType source, DataType weights, DataType destination, WindowSpec window, int groups, int inputs, int outputs,
        int batch, bool bias)
    {
        // groups: 1 dense, 0 depthwise, more: grouped with `inputs` and `outputs` channels in each group.
        (int channels, int results, int groupCount) = groups switch
        {
            0 => (inputs, inputs, inputs),
            1 => (inputs, outputs, 1),
            _ => (inputs * groups, outputs * groups, groups),
        };
        (int h, int oh) = Extents(window.Kernel.H, window.Stride.H, window.Dilation.H, window.Before[0], window.After[0], window.Extra[0]);
        (int w, int ow) = Extents(window.Kernel.W, window.Stride.W, window.Dilation.W, window.Before[1], window.After[1], window.Extra[1]);
        return new ConvolutionDescriptor
        {
            Source = new MemoryDescriptor([batch, channels, h, w], source, FormatTag.Nhwc),
            Weights = MemoryDescriptor.Any([results, channels / groupCount, window.Kernel.H, window.Kernel.W], weights),
            Bias = bias ? new MemoryDescriptor([results], DataType.Float32) : null,
            Destination = new MemoryDescriptor([batch, results, oh, ow], destination, FormatTag.Nhwc),
            Strides = [window.Stride.H, window.Stride.W],
            Dilations = [window.Dilation.H, window.Dilation.W],
            PaddingBefore = Shape.Create(window.Before),
            PaddingAfter = Shape.Create(window.After),
            Groups = groupCount,
        };
    }

    // An input extent that gives at least one output, and the output extent.
    private static (int Input, int Output) Extents(int kernel, int stride, int dilation, int before, int after, int extra)
    {
        int window = ((kernel - 1) * dilation) + 1;
        int input = Math.Max(1, window - before - after) + extra;
        return (input, ((input + before + after - window) / stride) + 1);
    }

    private sealed record WindowSpec(
        (int H, int W) Kernel, (int H, int W) Stride, (int H, int W) Dilation, int[] Before, int[] After, int[] Extra);
}
