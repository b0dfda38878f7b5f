// Small problems of every kind, among which each implementation finds one it takes.
namespace Int8Runtime.TestKit;

/// <summary>Problems for <see cref="TierCoverage"/>.</summary>
public static class Catalogue
{
    private static readonly Tolerance Transcendental = new(8, 1e-6, 1e-6);

    private static readonly Tolerance Statistics = Tolerance.Within(1e-5, 1e-5);

    private static readonly (DataType Source, DataType Weights, DataType Destination)[] ProductTypes =
    [
        (DataType.UInt8, DataType.Int8, DataType.UInt8), (DataType.Int8, DataType.Int8, DataType.Int8),
        (DataType.UInt8, DataType.Int8, DataType.Float32), (DataType.UInt8, DataType.Int8, DataType.Int32),
        (DataType.Float32, DataType.Float32, DataType.Float32), (DataType.BFloat16, DataType.BFloat16, DataType.BFloat16),
        (DataType.Float16, DataType.Float16, DataType.Float32),
    ];

    /// <summary>All problems.</summary>
    public static IReadOnlyList<CatalogueProblem> Small { get; } =
        [.. Convolutions(), .. Deconvolutions(), .. Products(), .. Windows(), .. Normalizations(), .. Elements(), .. Copies()];

    private static IEnumerable<CatalogueProblem> Convolutions()
    {
        foreach ((DataType source, DataType weights, DataType destination) in ProductTypes)
        {
            // Dense 1×1, dense 3×3 with stride and padding, a first layer, depthwise 3×3, grouped 3×3.
            yield return Convolution(source, weights, destination, 16, 32, 1, 1, 1, 0);
            yield return Convolution(source, weights, destination, 19, 21, 3, 1, 2, 1);
            yield return Convolution(source, weights, destination, 3, 16, 3, 1, 2, 1);
            yield return Convolution(source, weights, destination, 24, 24, 3, 24, 1, 1);
            yield return Convolution(source, weights, destination, 12, 8, 3, 2, 1, 1);

            // 1×1 and a depthwise convolution behind it.
            yield return FusedDepthwise(source, weights, destination);

            // A row-major source.
            CatalogueProblem dense = Convolution(source, weights, destination, 19, 21, 3, 1, 1, 1);
            var descriptor = (ConvolutionDescriptor)dense.Descriptor;
            yield return dense with { Descriptor = descriptor with { Source = new(descriptor.Source.Dimensions, source) } };
        }
    }

    private static IEnumerable<CatalogueProblem> Deconvolutions()
    {
        foreach ((DataType source, DataType weights, DataType destination) in ProductTypes)
        {
            var descriptor = new DeconvolutionDescriptor
            {
                Source = Image(source, 19, 5), Weights = MemoryDescriptor.Any([21, 19, 3, 3], weights),
                Destination = Image(destination, 21, 10),
                Strides = [2, 2], PaddingBefore = [1, 1], PaddingAfter = [1, 1],
            };
            foreach (FormatTag layout in new[] { FormatTag.Nhwc, FormatTag.Nchw })
                yield return new CatalogueProblem(
                    descriptor with { Source = new(descriptor.Source.Dimensions, source, layout) },
                    Quantization(source, destination), ToleranceOf(source, destination, 19 * 9));
        }
    }

    private static IEnumerable<CatalogueProblem> Products()
    {
        foreach ((DataType source, DataType weights, DataType destination) in ProductTypes)
        {
            Tolerance tolerance = ToleranceOf(source, destination, 70);
            yield return new CatalogueProblem(
                new InnerProductDescriptor
                {
                    Source = new([3, 70], source), Weights = MemoryDescriptor.Any([33, 70], weights),
                    Bias = new([33], DataType.Float32), Destination = new([3, 33], destination),
                },
                Quantization(source, destination), tolerance);
            yield return new CatalogueProblem(
                new MatMulDescriptor
                {
                    Source = new([5, 70], source), Weights = MemoryDescriptor.Any([70, 33], weights),
                    Destination = new([5, 33], destination),
                },
                Quantization(source, destination), tolerance);

            // A blocked source and a column-major destination.
            yield return new CatalogueProblem(
                new InnerProductDescriptor
                {
                    Source = new([3, 70], source, FormatTag.Parse("aB16b")), Weights = MemoryDescriptor.Any([33, 70], weights),
                    Destination = new([3, 33], destination),
                },
                Quantization(source, destination), tolerance);
            yield return new CatalogueProblem(
                new MatMulDescriptor
                {
                    Source = new([5, 70], source), Weights = MemoryDescriptor.Any([70, 33], weights),
                    Destination = new([5, 33], destination, FormatTag.Parse("ba")),
                },
                Quantization(source, destination), tolerance);
        }

        // Scales of the source in groups along K.
        yield return new CatalogueProblem(
            new MatMulDescriptor
            {
                Source = new([3, 64], DataType.Int8), Weights = MemoryDescriptor.Any([64, 33], DataType.Int8),
                Destination = new([3, 33], DataType.Float32),
            },
            new PrimitiveAttributes { SourceScale = QuantizationScale.PerGroup([0.25f, 0.5f, 1, 2, 0.25f, 0.5f], 32) },
            Tolerance.Within(1e-5, 1));
    }

    private static IEnumerable<CatalogueProblem> Windows()
    {
        foreach (DataType type in new[] { DataType.UInt8, DataType.Int8, DataType.Float32 })
        {
            MemoryDescriptor image = Image(type, 19, 7);
            foreach (PoolingAlgorithm algorithm in Enum.GetValues<PoolingAlgorithm>())
            {
                yield return new CatalogueProblem(
                    new PoolingDescriptor
                    {
                        Algorithm = algorithm, Kernel = [3, 3], Strides = [2, 2], PaddingBefore = [1, 1], PaddingAfter = [1, 1],
                        Source = image, Destination = Image(type, 19, 4),
                    },
                    PrimitiveAttributes.Default, Tolerance.Within(1e-6, 0));
            }

            foreach (ResamplingAlgorithm algorithm in Enum.GetValues<ResamplingAlgorithm>())
            {
                yield return new CatalogueProblem(
                    new ResamplingDescriptor { Algorithm = algorithm, Source = image, Destination = Image(type, 19, 11) },
                    PrimitiveAttributes.Default);
            }

            // Layouts that are reordered.
            MemoryDescriptor plain = new(image.Dimensions, type);
            yield return new CatalogueProblem(
                new PoolingDescriptor { Algorithm = PoolingAlgorithm.Max, Kernel = [3, 3], Source = plain,
                    Destination = Image(type, 19, 5) },
                PrimitiveAttributes.Default);
            yield return new CatalogueProblem(
                new ResamplingDescriptor { Algorithm = ResamplingAlgorithm.Nearest, Source = plain, Destination = Image(type, 19, 11) },
                PrimitiveAttributes.Default);

            yield return new CatalogueProblem(
                new SoftmaxDescriptor { Axis = 1, Source = new([3, 37], type), Destination = new([3, 37], DataType.Float32) },
                PrimitiveAttributes.Default, Transcendental);
        }

        MemoryDescriptor floats = Image(DataType.Float32, 19, 7);
        foreach (LrnAlgorithm algorithm in Enum.GetValues<LrnAlgorithm>())
            yield return new CatalogueProblem(
                new LrnDescriptor { Algorithm = algorithm, LocalSize = 5, Source = floats, Destination = floats },
                PrimitiveAttributes.Default, Transcendental);
    }

    private static IEnumerable<CatalogueProblem> Normalizations()
    {
        foreach (DataType type in new[] { DataType.Float32, DataType.UInt8, DataType.Int8 })
        {
            var parameters = new MemoryDescriptor([37], DataType.Float32);
            yield return new CatalogueProblem(
                new LayerNormalizationDescriptor
                {
                    Axis = 1, Source = new([3, 37], type), Destination = new([3, 37], DataType.Float32), Scale = parameters,
                    Shift = parameters,
                },
                PrimitiveAttributes.Default, Statistics);
            var channels = new MemoryDescriptor([24], DataType.Float32);
            MemoryDescriptor image = Image(type, 24, 5), result = Image(DataType.Float32, 24, 5);
            yield return new CatalogueProblem(
                new BatchNormalizationDescriptor
                {
                    Source = image, Destination = result, Scale = channels, Shift = channels, Statistics = NormalizationStatistics.Given,
                    Mean = channels, Variance = channels,
                },
                PrimitiveAttributes.Default, Statistics);
            yield return new CatalogueProblem(
                new GroupNormalizationDescriptor { Groups = 4, Source = image, Destination = result, Scale = channels, Shift = channels },
                PrimitiveAttributes.Default, Statistics);
            yield return new CatalogueProblem(
                new GroupNormalizationDescriptor
                {
                    Groups = 4, Source = new(image.Dimensions, type, FormatTag.Parse("aBcd16b")), Destination = result,
                    Scale = channels, Shift = channels,
                },
                PrimitiveAttributes.Default, Statistics);
            yield return new CatalogueProblem(
                new ReductionDescriptor { Algorithm = ReductionAlgorithm.Mean, Source = Image(type, 19, 5),
                    Destination = new([1, 19, 1, 1], type) },
                PrimitiveAttributes.Default, type == DataType.Float32 ? Statistics : Tolerance.Exact);
        }
    }

    private static IEnumerable<CatalogueProblem> Elements()
    {
        foreach (DataType type in new[] { DataType.Float32, DataType.UInt8, DataType.Int8 })
        {
            MemoryDescriptor image = Image(type, 19, 5);
            foreach (EltwiseAlgorithm algorithm in new[] { EltwiseAlgorithm.Relu, EltwiseAlgorithm.Clip, EltwiseAlgorithm.Logistic })
                yield return new CatalogueProblem(
                    new EltwiseDescriptor { Algorithm = algorithm, Alpha = 0, Beta = 6, Source = image, Destination = image },
                    Quantization(type, type), Transcendental);
            foreach (BinaryAlgorithm algorithm in new[] { BinaryAlgorithm.Add, BinaryAlgorithm.Multiply })
                yield return new CatalogueProblem(
                    new BinaryDescriptor { Algorithm = algorithm, Source = image, Source1 = image, Destination = image },
                    Quantization(type, type));
        }
    }

    private static IEnumerable<CatalogueProblem> Copies()
    {
        foreach (DataType type in new[] { DataType.UInt8, DataType.Float32 })
        {
            yield return new CatalogueProblem(
                new ConcatDescriptor { Axis = 1, Sources = [Image(type, 5, 4), Image(type, 19, 4)], Destination = Image(type, 24, 4) },
                PrimitiveAttributes.Default);
            yield return new CatalogueProblem(
                new SumDescriptor { Sources = [Image(type, 19, 5), Image(DataType.Int8, 19, 5)], Scales = [0.5f, 2],
                    Destination = Image(type, 19, 5) },
                PrimitiveAttributes.Default);
            yield return new CatalogueProblem(
                new PReluDescriptor { Source = Image(type, 19, 5), Slopes = Image(DataType.Float32, 19, 5),
                    Destination = Image(type, 19, 5) },
                PrimitiveAttributes.Default);
            yield return new CatalogueProblem(
                new SelectDescriptor
                {
                    Source = Image(type, 19, 5), Source1 = Image(DataType.Int8, 19, 5), Condition = Image(DataType.Int8, 19, 5),
                    Destination = Image(type, 19, 5),
                },
                PrimitiveAttributes.Default);
            yield return new CatalogueProblem(
                new ShuffleDescriptor { Axis = 1, GroupSize = 4, Source = Image(type, 20, 5), Destination = Image(type, 20, 5) },
                PrimitiveAttributes.Default);
            MemoryDescriptor blocked = new([1, 20, 5, 5], type, FormatTag.Parse("aBcd8b"));
            yield return new CatalogueProblem(
                new ShuffleDescriptor { Axis = 1, GroupSize = 4, Source = blocked, Destination = blocked }, PrimitiveAttributes.Default);
            yield return new CatalogueProblem(
                new SoftmaxDescriptor { Axis = 1, Source = blocked, Destination = blocked }, PrimitiveAttributes.Default, Transcendental);
            yield return new CatalogueProblem(
                new ReorderDescriptor { Source = new([1, 19, 5, 5], type, FormatTag.Nchw), Destination = Image(type, 19, 5) },
                PrimitiveAttributes.Default);
        }

        yield return new CatalogueProblem(
            new ReorderDescriptor { Source = Image(DataType.Float32, 19, 5), Destination = Image(DataType.UInt8, 19, 5) },
            new PrimitiveAttributes { DestinationScale = QuantizationScale.PerTensor(0.01f), DestinationZeroPoint = 128 });
        yield return new CatalogueProblem(
            new ReorderDescriptor { Source = Image(DataType.UInt8, 19, 5), Destination = Image(DataType.Float32, 19, 5) },
            new PrimitiveAttributes { SourceScale = QuantizationScale.PerTensor(0.01f), SourceZeroPoint = 128 });
        MemoryDescriptor weights = new([19, 7, 3, 3], DataType.Int8);
        yield return new CatalogueProblem(
            new ReorderDescriptor
            {
                Source = weights.WithDataType(DataType.Float32), Destination = weights,
                SignedSourceCompensation = new([19, 1, 1, 1], DataType.Int32), ZeroPointCompensation = new([19, 1, 1, 1], DataType.Int32),
            },
            new PrimitiveAttributes { DestinationScale = QuantizationScale.PerTensor(0.01f) });
    }

    private static CatalogueProblem Convolution(
        DataType source, DataType weights, DataType destination, int inputs, int outputs, int kernel, int groups, int stride, int pad)
    {
        const int Extent = 7;
        int output = ((Extent + (2 * pad) - kernel) / stride) + 1;
        var descriptor = new ConvolutionDescriptor
        {
            Source = Image(source, inputs, Extent), Weights = MemoryDescriptor.Any([outputs, inputs / groups, kernel, kernel], weights),
            Bias = new([outputs], DataType.Float32), Destination = Image(destination, outputs, output),
            Strides = [stride, stride], PaddingBefore = [pad, pad], PaddingAfter = [pad, pad], Groups = groups,
        };
        return new CatalogueProblem(
            descriptor, Quantization(source, destination) with { PostOps = [PostOp.Relu()] },
            ToleranceOf(source, destination, inputs / groups * kernel * kernel));
    }

    private static CatalogueProblem FusedDepthwise(DataType source, DataType weights, DataType destination)
    {
        CatalogueProblem pointwise = Convolution(source, weights, destination, 19, 21, 1, 1, 1, 0);
        DepthwisePostOp postOp = PostOp.Depthwise(new MemoryDescriptor([21, 1, 3, 3], weights), 1, 1, source, new([21], DataType.Float32));
        if (source.IsInt8())
            postOp = postOp with { SourceScale = QuantizationScale.PerTensor(0.7f), WeightsScale = QuantizationScale.PerTensor(0.02f) };
        PrimitiveAttributes attributes = pointwise.Attributes with { PostOps = pointwise.Attributes.PostOps.Append(postOp) };
        return pointwise with { Attributes = attributes, Tolerance = Diagnostics.ToleranceRules.For(pointwise.Descriptor, attributes) };
    }

    private static MemoryDescriptor Image(DataType type, int channels, int extent) =>
        new([1, channels, extent, extent], type, FormatTag.Nhwc);

    private static PrimitiveAttributes Quantization(DataType source, DataType destination) => new()
    {
        SourceScale = source.IsInt8() ? QuantizationScale.PerTensor(0.02f) : null,
        SourceZeroPoint = source.IsInt8() ? 3 : null,
        Source1Scale = source.IsInt8() ? QuantizationScale.PerTensor(0.03f) : null,
        DestinationScale = destination.IsInt8() ? QuantizationScale.PerTensor(0.4f) : null,
        DestinationZeroPoint = destination.IsInt8() ? 5 : null,
    };

    private static Tolerance ToleranceOf(DataType source, DataType destination, int terms) =>
        source.IsInt8() ? Tolerance.Exact : Arbitraries.FloatSum(destination, terms);
}
