// Scales and zero points given at execution, alone and mixed with constants, in every primitive without weights: the numbers of the
// reference on every tier, by engines that have no reference to fall back on.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class RuntimeQuantizationTests
{
    private static readonly EltwiseAlgorithm[] ExactFunctions =
        [EltwiseAlgorithm.Relu, EltwiseAlgorithm.Linear, EltwiseAlgorithm.Clip, EltwiseAlgorithm.HardSwish, EltwiseAlgorithm.Abs];

    [Fact]
    public void Functions_of_one_and_two_operands_give_the_bits_of_the_reference() => Check(
        from shape in Layouts.Images
        from types in Layouts.ComputeType.ArrayOf(3)
        from source in Layouts.Tensor(shape, types[0])
        from operandShape in Gen.OneOf(Gen.Constant(shape), Layouts.BroadcastOf(shape))
        from operand in Layouts.Tensor(operandShape, types[1])
        from destination in Layouts.Tensor(shape, types[2])
        from function in Gen.Elements(ExactFunctions)
        from binary in Gen.Elements(BinaryAlgorithm.Add, BinaryAlgorithm.Multiply, BinaryAlgorithm.Maximum, BinaryAlgorithm.Divide)
        from isBinary in Gen.Elements(true, false)
        from attributes in Attributes(destination)
        select ((PrimitiveDescriptor)(isBinary
            ? new BinaryDescriptor { Algorithm = binary, Source = source, Source1 = operand, Destination = destination }
            : new EltwiseDescriptor { Algorithm = function, Alpha = 0.5f, Beta = 3, Source = source, Destination = destination }),
                attributes),
        150);

    [Fact]
    public void Selections_sums_and_concatenations_give_the_bits_of_the_reference() => Check(
        from shape in Layouts.Images
        from types in Layouts.ComputeType.Where(type => type != DataType.Int32).ArrayOf(3)
        from source in Layouts.Tensor(shape, types[0])
        from other in Layouts.Tensor(shape, types[1])
        from destination in Layouts.Tensor(shape, types[2])
        from attributes in Attributes(destination)
        let result = attributes with { SourceScale = null, SourceZeroPoint = null, PostOps = PostOpChain.Empty }
        from problem in Gen.Elements<(PrimitiveDescriptor, PrimitiveAttributes)>(
            (new SelectDescriptor
            {
                Source = source, Source1 = other, Condition = new MemoryDescriptor(shape, DataType.Int8), Destination = destination,
            }, attributes),
            (new PReluDescriptor { Source = source, Slopes = other, Destination = destination }, attributes),
            (new SumDescriptor { Sources = [source, other], Scales = [0.5f, -2], Destination = destination }, result),
            (new ConcatDescriptor
            {
                Axis = 1, Sources = [source, other], Scales = [0.5f, 2], ZeroPoints = [1, 0],
                Destination = new MemoryDescriptor(shape.With(1, 2 * shape[1]), types[2]),
            }, result))
        select problem, 100);

    [Fact]
    public void Pooling_and_resampling_give_the_bits_of_the_reference() => Check(
        from shape in Layouts.Images
        from sourceType in Layouts.ComputeType
        from type in Gen.OneOf(Gen.Constant(sourceType), Layouts.ComputeType)
        let source = new MemoryDescriptor(shape, sourceType, FormatTag.Nhwc)
        let pooled = new MemoryDescriptor([shape[0], shape[1], shape[2] + 1, shape[3] + 1], type, FormatTag.Nhwc)
        from pooling in Gen.Elements(Enum.GetValues<PoolingAlgorithm>())
        from resampling in Gen.Elements(Enum.GetValues<ResamplingAlgorithm>())
        from isPooling in Gen.Elements(true, false)
        from any in Attributes(pooled)
        from hasPostOps in Gen.Elements(true, false)
        from hasDestination in Gen.Elements(true, false)
        let attributes = any with
        {
            PostOps = hasPostOps ? any.PostOps : PostOpChain.Empty,
            SourceZeroPoint = sourceType.IsFloatingPoint() ? null : any.SourceZeroPoint,
            DestinationScale = hasDestination ? any.DestinationScale : null,
            DestinationZeroPoint = hasDestination ? any.DestinationZeroPoint : null,
        }
        where pooling == PoolingAlgorithm.Max || !isPooling || sourceType != DataType.Float32
        select ((PrimitiveDescriptor)(isPooling
            ? new PoolingDescriptor
            {
                Algorithm = pooling, Source = source, Destination = pooled, Kernel = [2, 2], Strides = [1, 1],
                Dilations = [1, 1], PaddingBefore = [1, 1], PaddingAfter = [1, 1],
            }
            : new ResamplingDescriptor { Algorithm = resampling, Source = source, Destination = pooled }), attributes), 150);

    [Fact]
    public void Reorders_and_exact_reductions_give_the_bits_of_the_reference() => Check(
        from shape in Layouts.Images
        from types in Layouts.ComputeType.ArrayOf(2)
        from source in Layouts.Tensor(shape, types[0])
        from destination in Layouts.Tensor(shape, types[1])
        from attributes in Attributes(destination)
        from axes in Gen.Choose(1, 15)
        from largest in Gen.Elements(true, false)
        let reduced = new MemoryDescriptor(Shape.Create([.. shape.Select((extent, d) => (axes & (1 << d)) != 0 ? 1 : extent)]), types[1])
        from problem in Gen.Elements<(PrimitiveDescriptor, PrimitiveAttributes)>(
            (new ReorderDescriptor { Source = source, Destination = destination },
                attributes with { PostOps = PostOpChain.Empty, Source1Scale = null, Source1ZeroPoint = null }),
            (new ReductionDescriptor { Algorithm = ReductionAlgorithm.Max, Source = source, Destination = reduced },
                attributes with { PostOps = PostOpChain.Empty }))
        select problem, 100);

    [Fact]
    public void Softmax_and_normalizations_stay_as_close_to_the_reference_as_with_constants()
    {
        Gen<Problem> problems =
            from shape in Layouts.Images
            from sourceType in Gen.Elements(DataType.Float32, DataType.UInt8, DataType.Int8)
            from type in Gen.Elements(DataType.Float32, DataType.UInt8, DataType.Int8)
            from source in Layouts.Tensor(shape, sourceType).Where(tensor => tensor.InnerBlocks.IsEmpty)
            from destination in Layouts.Tensor(shape, type).Where(tensor => tensor.InnerBlocks.IsEmpty)
            from operand in Layouts.BroadcastOf(shape)
            from postOps in Gen.Elements<PostOpChain>(
                [], [PostOp.Relu()], [PostOp.Sum(0.5f), PostOp.Eltwise(EltwiseAlgorithm.HardSwish, 1f / 6, 0.5f)],
                [PostOp.Binary(BinaryAlgorithm.Add, new MemoryDescriptor(operand, DataType.Float32))])
            from constants in NormalizationProblems.Attributes(source, destination)
            from given in Gen.Choose(0, 15)
            from axis in Gen.Choose(0, 3)
            from descriptor in Gen.Elements<PrimitiveDescriptor>(
                new SoftmaxDescriptor { Source = source, Destination = destination, Axis = axis },
                new LrnDescriptor { Source = source, Destination = destination, LocalSize = 5, Alpha = 0.9f, Beta = 0.75f, K = 1.5f },
                new LrnDescriptor
                {
                    Algorithm = LrnAlgorithm.WithinChannel, Source = source, Destination = destination, LocalSize = 3, Alpha = 0.9f,
                    Beta = 0.75f, K = 1.5f,
                },
                new LayerNormalizationDescriptor { Source = source, Destination = destination, Axis = 3 },
                new BatchNormalizationDescriptor { Source = source, Destination = destination },
                new GroupNormalizationDescriptor { Source = source, Destination = destination, Groups = 1 })
            from options in Options
            select new Problem(
                descriptor, AtExecution(constants, given) with { PostOps = postOps },
                options with { Tolerance = NormalizationProblems.Accepted(type), RuntimeScale = 0.04f });
        VectorEngines.CheckOnAllTiers(problems, 100);
    }

    [Theory]
    [InlineData(40_000)]
    [InlineData(-40_000)]
    public void Zero_points_that_8_bit_kernels_cannot_add_are_refused_at_execution(int zeroPoint)
    {
        var tensor = new MemoryDescriptor([2, 37], DataType.UInt8);
        var attributes = new PrimitiveAttributes { DestinationZeroPoint = ZeroPoint.Runtime };
        var descriptor = new EltwiseDescriptor { Algorithm = EltwiseAlgorithm.Abs, Source = tensor, Destination = tensor };
        var exception = Assert.Throws<ArgumentException>(() => VectorEngines.CheckOnAllTiers(
            descriptor, attributes, new CheckOptions { RuntimeZeroPoint = zeroPoint }));
        Assert.Contains("destination zero point", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public unsafe void One_primitive_serves_every_execution_and_allocates_nothing()
    {
        var tensor = new MemoryDescriptor([3, 50], DataType.UInt8);
        var attributes = new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.Runtime, SourceZeroPoint = ZeroPoint.Runtime,
            DestinationScale = QuantizationScale.Runtime, DestinationZeroPoint = ZeroPoint.Runtime,
        };
        var descriptor = new EltwiseDescriptor { Algorithm = EltwiseAlgorithm.Abs, Source = tensor, Destination = tensor };
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa);
            using ExecutionStream stream = engine.CreateStream();
            using TensorMemory source = new(tensor), destination = new(tensor);
            new Span<byte>(source.Data, 150).Fill(30);
            Primitive primitive = engine.Create(descriptor, attributes);
            float sourceScale, scale;
            int sourceZeroPoint, zeroPoint;
            ExecutionArguments arguments = default;
            arguments.Set(ArgumentSlot.Source, source);
            arguments.Set(ArgumentSlot.Destination, destination);
            arguments[ArgumentSlot.SourceScale] = &sourceScale;
            arguments[ArgumentSlot.SourceZeroPoint] = &sourceZeroPoint;
            arguments[ArgumentSlot.DestinationScale] = &scale;
            arguments[ArgumentSlot.DestinationZeroPoint] = &zeroPoint;
            (sourceScale, sourceZeroPoint, scale, zeroPoint) = (0.5f, 10, 0.25f, 7);
            primitive.Execute(stream, in arguments);
            Assert.All(destination.AsSpan<byte>().ToArray(), value => Assert.Equal(47, value)); // 0.5·(30 − 10)/0.25 + 7
            (sourceScale, sourceZeroPoint, scale, zeroPoint) = (2f, 40, 4f, 100);
            primitive.Execute(stream, in arguments);
            Assert.All(destination.AsSpan<byte>().ToArray(), value => Assert.Equal(105, value)); // |2·(30 − 40)|/4 + 100
            Assert.Equal(0, Allocations.Fewest(() => primitive.Execute(stream, in arguments)));
        }
    }

    private static Gen<QuantizationScale?> Scale { get; } = Gen.OneOf(
        Gen.Constant<QuantizationScale?>(QuantizationScale.Runtime), Gen.Constant<QuantizationScale?>(QuantizationScale.Runtime),
        Gen.Constant<QuantizationScale?>(null), Arbitraries.Scale.Select(scale => (QuantizationScale?)QuantizationScale.PerTensor(scale)));

    private static Gen<ZeroPoint?> Zero { get; } = Gen.OneOf(
        Gen.Constant<ZeroPoint?>(ZeroPoint.Runtime), Gen.Constant<ZeroPoint?>(ZeroPoint.Runtime), Gen.Constant<ZeroPoint?>(null),
        Gen.Choose(0, 100).Select(value => (ZeroPoint?)ZeroPoint.PerTensor(value)));

    private static Gen<CheckOptions> Options { get; } =
        from options in Arbitraries.Options()
        from scale in Gen.OneOf(Arbitraries.Scale, Gen.Elements(1f, 2f / 3, 1e-4f))
        from zeroPoint in Gen.Choose(-130, 260)
        select options with { RuntimeScale = scale, RuntimeZeroPoint = zeroPoint };

    private static Gen<PrimitiveAttributes> Attributes(MemoryDescriptor destination) =>
        from scales in Scale.ArrayOf(3)
        from zeroPoints in Zero.ArrayOf(3)
        from postOps in Arbitraries.PostOps(destination)
        select new PrimitiveAttributes
        {
            SourceScale = scales[0], SourceZeroPoint = zeroPoints[0], Source1Scale = scales[1], Source1ZeroPoint = zeroPoints[1],
            DestinationScale = scales[2], DestinationZeroPoint = zeroPoints[2], PostOps = postOps,
        };

    // The numbers that the bits of a mask choose, where there are any.
    private static PrimitiveAttributes AtExecution(PrimitiveAttributes constants, int given) => constants with
    {
        SourceScale = constants.SourceScale is not null && (given & 1) != 0 ? QuantizationScale.Runtime : constants.SourceScale,
        SourceZeroPoint = constants.SourceZeroPoint is { IsZero: false } && (given & 2) != 0
            ? ZeroPoint.Runtime : constants.SourceZeroPoint,
        DestinationScale = constants.DestinationScale is not null && (given & 4) != 0
            ? QuantizationScale.Runtime : constants.DestinationScale,
        DestinationZeroPoint = constants.DestinationZeroPoint is { IsZero: false } && (given & 8) != 0
            ? ZeroPoint.Runtime : constants.DestinationZeroPoint,
    };

    private static void Check(Gen<(PrimitiveDescriptor Descriptor, PrimitiveAttributes Attributes)> problems, int count) =>
        Properties.Check(
        from problem in problems from options in Options select new Problem(problem.Descriptor, problem.Attributes, options),
        p => VectorEngines.CheckOnAllTiers(p.Descriptor, p.Attributes, p.Options), count);
}
