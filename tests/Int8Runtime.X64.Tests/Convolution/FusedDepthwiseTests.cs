// 1×1 convolutions with a depthwise post-op against the normative reference.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;
using Int8Runtime.X64.Tests.Products;

namespace Int8Runtime.X64.Tests.Convolution;

public sealed class FusedDepthwiseTests
{
    // A second-level cache so small that most images are split into bands.
    private const long SmallCache = 4096;

    [Fact]
    public void Integer_results_are_the_reference_bits_on_every_tier() =>
        Properties.Check(IntegerProblem, CheckOnAllTiers, count: 40);

    [Fact]
    public void Float_results_are_within_the_bound_of_the_sums_on_every_tier() =>
        Properties.Check(FloatProblem, CheckOnAllTiers, count: 25);

    [Theory]
    [InlineData(1, 1, 0)]
    [InlineData(1, 3, 0)]
    [InlineData(2, 3, 1)]
    [InlineData(3, 5, 2)]
    [InlineData(2, 2, 0)]
    public void Bands_give_what_a_whole_image_gives(int stride, int kernel, int padding)
    {
        foreach (int threads in (int[])[1, 3])
            foreach (int height in (int[])[1, 2, 13, 14])
                Check(Problem(DataType.UInt8, DataType.Int8, DataType.Int8, 8, 40, height, 5, stride, kernel, padding), threads);
    }

    [Fact]
    public void Layouts_that_kernels_do_not_read_are_copied()
    {
        Problem problem = Problem(DataType.UInt8, DataType.UInt8, DataType.UInt8, 8, 32, 6, 6, 1, 3, 1);
        var descriptor = (ConvolutionDescriptor)problem.Descriptor;
        MemoryDescriptor Blocked(MemoryDescriptor d) => new(d.Dimensions, d.DataType, FormatTag.Parse("aBcd16b"));
        descriptor = descriptor with { Source = Blocked(descriptor.Source), Destination = Blocked(descriptor.Destination) };

        // Operands that differ from row to row, on both sides of the depthwise convolution.
        var between = new MemoryDescriptor([1, 1, 6, 1], DataType.Float32);
        PrimitiveAttributes attributes = problem.Attributes with
        {
            PostOps =
            [
                PostOp.Binary(BinaryAlgorithm.Add, between), .. problem.Attributes.PostOps,
                PostOp.Binary(BinaryAlgorithm.Multiply, new MemoryDescriptor([2, 1, 6, 6], DataType.Float32)), PostOp.Sum(0.5f),
            ],
        };
        using var engine = new TestEngine(CpuFeatures.Host.Isa, Implementations);
        string chosen = PrimitiveCheck.AgainstReference(engine, descriptor, attributes, problem.Options);
        Assert.StartsWith("staged+fused_depthwise:", chosen, StringComparison.Ordinal);
    }

    [Fact]
    public unsafe void Packed_depthwise_weights_give_the_same_result()
    {
        Problem plain = Problem(DataType.UInt8, DataType.Int8, DataType.Int8, 24, 40, 9, 9, 2, 3, 1);
        var postOp = (DepthwisePostOp)plain.Attributes.PostOps[0];
        PrimitiveAttributes open = plain.Attributes with
        {
            PostOps = [postOp with { Weights = MemoryDescriptor.Any(postOp.Weights.Dimensions, DataType.Int8) }],
        };
        using var engine = new TestEngine(CpuFeatures.Host.Isa, Implementations, threads: 2);
        using ExecutionStream stream = engine.CreateStream();
        Primitive packs = engine.Create(plain.Descriptor, plain.Attributes), packed = engine.Create(plain.Descriptor, open);
        var layout = ((DepthwisePostOp)packed.Attributes.PostOps[0]).Weights;
        Assert.NotNull(layout.Packed);
        Assert.Equal(packs.Weights, packed.Weights);

        var descriptor = (ConvolutionDescriptor)packs.Descriptor;
        using TensorMemory source = new(descriptor.Source), first = new(descriptor.Destination), second = new(descriptor.Destination);
        using TensorMemory weights = new(new MemoryDescriptor(packs.Weights.Dimensions, DataType.Int8)), bias = new(postOp.Bias!);
        using TensorMemory depthwise = new(postOp.Weights);
        foreach (TensorMemory tensor in (TensorMemory[])[source, weights, bias, depthwise])
            TensorFill.Random(tensor, 7);
        using TensorMemory pointwisePacked = WeightsPacking.Pack(engine, weights, packs.Weights);
        using TensorMemory depthwisePacked = WeightsPacking.Pack(engine, depthwise, layout);
        ExecutionArguments arguments = default;
        arguments.Set(ArgumentSlot.Source, source);
        arguments.Set(ArgumentSlot.Weights, pointwisePacked);
        arguments.Set(ArgumentSlot.Bias, bias);
        arguments.Set(ArgumentSlot.DepthwiseBias, bias);
        arguments.Set(ArgumentSlot.Destination, first);
        arguments.SetPostOpOperand(0, depthwise);
        packs.Execute(stream, in arguments);
        arguments.Set(ArgumentSlot.Destination, second);
        arguments.SetPostOpOperand(0, depthwisePacked);
        packed.Execute(stream, in arguments);
        Assert.Equal(first.AsSpan<sbyte>(), second.AsSpan<sbyte>());

        Assert.Equal(0, Allocations.Fewest(() => packed.Execute(stream, in arguments)));
    }

    [Fact]
    public void Contradictions_are_refused()
    {
        Problem problem = Problem(DataType.UInt8, DataType.Int8, DataType.Int8, 8, 16, 5, 5, 1, 3, 1);
        var descriptor = (ConvolutionDescriptor)problem.Descriptor;
        var postOp = (DepthwisePostOp)problem.Attributes.PostOps[0];
        void Refused(string words, ConvolutionDescriptor d, params PostOp[] chain) => Assert.Contains(
            words, Assert.Throws<ArgumentException>(() => d.Validate(problem.Attributes with { PostOps = PostOpChain.Create(chain) })).Message,
            StringComparison.Ordinal);

        Refused("without padding", descriptor with { PaddingBefore = [1, 1] }, postOp);
        Refused("one depthwise post-op", descriptor, postOp, PostOp.Relu(), postOp);
        Refused("padding 3", descriptor, postOp with { Padding = 3 });
        Refused("no previous content", descriptor, PostOp.Sum(), postOp);
        Refused("need dimensions", descriptor, postOp with { Weights = new([8, 1, 3, 3], DataType.Int8) });
        Refused("are constants", descriptor, postOp with { SourceScale = QuantizationScale.Runtime });
        Refused("spatial dimension", descriptor, postOp with { Stride = 2 });
        var pooling = new EltwiseDescriptor { Algorithm = EltwiseAlgorithm.Relu, Source = descriptor.Source, Destination = descriptor.Source };
        Assert.Throws<ArgumentException>(() => pooling.Validate(problem.Attributes with { PostOps = [postOp] }));
    }

    private static IImplementation[] Implementations
    {
        get
        {
            KernelCache cache = KernelCache.Shared;
            IImplementation[] stages = [new DepthwiseConvolution(cache), new BrgemmConvolution(cache, CpuFeatures.Host)];
            IImplementation fused = new FusedDepthwiseConvolution(stages, SmallCache);
            return [fused, new StagedProduct(PrimitiveKind.Convolution, [fused], cache)];
        }
    }

    private static Gen<Problem> IntegerProblem =>
        from source in Arbitraries.Int8Type
        from between in Arbitraries.Int8Type
        from destination in Arbitraries.DestinationType
        from shape in AnyShape
        let descriptor = Descriptor(source, DataType.Int8, destination, shape)
        let middle = new MemoryDescriptor([2, shape.Outputs, shape.Rows, shape.Columns], between, FormatTag.Nhwc)
        from first in Arbitraries.IntegerProductAttributes(source, middle, shape.Outputs)
        from second in Arbitraries.IntegerProductAttributes(between, descriptor.Destination, shape.Outputs)
        from options in Arbitraries.Options()
        select new Problem(descriptor, Join(shape, first, second, between, DataType.Int8), options);

    private static Gen<Problem> FloatProblem =>
        from types in Arbitraries.FloatTypes
        from destination in Gen.Elements(DataType.Float32, DataType.BFloat16)
        from shape in AnyShape
        let descriptor = Descriptor(types.Source, types.Weights, destination, shape)
        let middle = new MemoryDescriptor([2, shape.Outputs, shape.Rows, shape.Columns], types.Source, FormatTag.Nhwc)
        from before in Gen.Elements<PostOpChain>([], [PostOp.Relu()], [PostOp.Clip(0, 6)])
        from after in Gen.Elements<PostOpChain>([], [PostOp.Relu(0.5f)], [PostOp.Sum(0.5f)])
        from options in Arbitraries.Options()
        let attributes = Join(
            shape, new PrimitiveAttributes { PostOps = before }, new PrimitiveAttributes { PostOps = after }, types.Source, types.Weights)
        select new Problem(
            descriptor, attributes, options with { Tolerance = Int8Runtime.Diagnostics.ToleranceRules.For(descriptor, attributes) });

    private static Gen<Shapes> AnyShape =>
        from inputs in Gen.Choose(1, 40)
        from outputs in Arbitraries.Channels.Where(count => count <= 70)
        from rows in Gen.Choose(1, 11)
        from columns in Gen.Choose(1, 9)
        from pointwiseStride in Gen.Elements(1, 1, 2)
        from kernel in Gen.Elements(1, 2, 3, 3, 5)
        from stride in Gen.Elements(1, 2, 3)
        from padding in Gen.Choose(0, kernel - 1)
        select new Shapes(inputs, outputs, rows, columns, pointwiseStride, kernel, stride, padding);

    // The quantization of the first product's destination is that of what lies between.
    private static PrimitiveAttributes Join(
        Shapes shape, PrimitiveAttributes first, PrimitiveAttributes second, DataType between, DataType weights)
    {
        bool takes = first.DestinationScale is null or { IsRuntime: false, Granularity: QuantizationGranularity.PerTensor };
        DepthwisePostOp postOp = PostOp.Depthwise(
            new MemoryDescriptor([shape.Outputs, 1, shape.Kernel, shape.Kernel], weights), shape.Stride, shape.Padding, between,
            shape.Inputs % 3 == 0 ? null : new MemoryDescriptor([shape.Outputs], DataType.Float32));
        postOp = postOp with
        {
            SourceScale = takes ? first.DestinationScale : null,
            SourceZeroPoint = first.DestinationZeroPoint is { IsRuntime: false, Granularity: QuantizationGranularity.PerTensor } zero ? zero : null,
            WeightsScale = second.WeightsScale is { IsRuntime: false } scale ? scale : null,
        };
        return first with
        {
            DestinationScale = second.DestinationScale, DestinationZeroPoint = second.DestinationZeroPoint,
            PostOps = PostOpChain.Create([.. first.PostOps.Where(postOp => postOp is not SumPostOp), postOp, .. second.PostOps]),
        };
    }

    private static Problem Problem(
        DataType source, DataType between, DataType destination, int inputs, int outputs, int rows, int columns, int stride, int kernel,
        int padding)
    {
        var shape = new Shapes(inputs, outputs, rows, columns, 1, kernel, stride, padding);
        DepthwisePostOp postOp = PostOp.Depthwise(
            new MemoryDescriptor([outputs, 1, kernel, kernel], DataType.Int8), stride, padding, between, new MemoryDescriptor([outputs], DataType.Float32));
        var attributes = new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.PerTensor(0.02f), SourceZeroPoint = 3, WeightsScale = QuantizationScale.PerTensor(0.01f),
            DestinationScale = QuantizationScale.PerTensor(0.5f),
            PostOps =
            [
                postOp with
                {
                    SourceScale = QuantizationScale.PerTensor(0.1f), SourceZeroPoint = 5,
                    WeightsScale = QuantizationScale.PerChannel([.. Enumerable.Range(0, outputs).Select(c => 0.01f + (0.001f * c))]),
                },
            ],
        };
        return new Problem(Descriptor(source, DataType.Int8, destination, shape), attributes, new CheckOptions());
    }

    private static ConvolutionDescriptor Descriptor(DataType source, DataType weights, DataType destination, Shapes shape) => new()
    {
        Source = new([2, shape.Inputs, ((shape.Rows - 1) * shape.PointwiseStride) + 1, ((shape.Columns - 1) * shape.PointwiseStride) + 1], source, FormatTag.Nhwc),
        Weights = MemoryDescriptor.Any([shape.Outputs, shape.Inputs, 1, 1], weights),
        Bias = new([shape.Outputs], DataType.Float32),
        Destination = new(
            [2, shape.Outputs, (shape.Rows + shape.Stride - 1) / shape.Stride, (shape.Columns + shape.Stride - 1) / shape.Stride], destination, FormatTag.Nhwc),
        Strides = [shape.PointwiseStride, shape.PointwiseStride],
    };

    private static void CheckOnAllTiers(Problem problem)
    {
        foreach ((string _, Isa isa) in Tiers.Generated)
            Check(problem, (problem.Options.Seed % 3) + 1, isa);
    }

    private static void Check(Problem problem, int threads, Isa? isa = null)
    {
        using var engine = new TestEngine(isa ?? CpuFeatures.Host.Isa, Implementations, threads);
        string chosen = PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
        Assert.Contains("fused_depthwise:", chosen, StringComparison.Ordinal);
    }

    private sealed record Shapes(
        int Inputs, int Outputs, int Rows, int Columns, int PointwiseStride, int Kernel, int Stride, int Padding);
}
