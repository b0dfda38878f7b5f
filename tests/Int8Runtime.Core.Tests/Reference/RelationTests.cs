// Relations that hold between different ways to state one problem, on random problems.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.Core.Tests.Reference;

public sealed unsafe class RelationTests
{
    private static TensorMemory Compute(
        PrimitiveDescriptor descriptor, PrimitiveAttributes attributes, MemoryDescriptor destination,
        params (ArgumentSlot, TensorMemory)[] inputs)
    {
        using var engine = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream();
        var result = new TensorMemory(destination);
        ExecutionArguments arguments = default;
        foreach ((ArgumentSlot slot, TensorMemory memory) in inputs)
            arguments.Set(slot, memory);
        arguments.Set(ArgumentSlot.Destination, result);
        engine.Create(descriptor, attributes).Execute(stream, in arguments);
        return result;
    }

    private static TensorMemory Filled(MemoryDescriptor descriptor, int seed)
    {
        var memory = new TensorMemory(descriptor);
        TensorFill.Random(memory, seed);
        return memory;
    }

    private static ConvolutionDescriptor WithPlainWeights(ConvolutionDescriptor convolution) => convolution with
    {
        Weights = new MemoryDescriptor(convolution.Weights.Dimensions, convolution.Weights.DataType), Bias = null,
    };

    [Fact]
    public void Signed_source_equals_unsigned_source_shifted_by_128_with_zero_point_128() => Properties.Check(
        from convolution in Arbitraries.Convolution(DataType.Int8, DataType.Int8, DataType.Int32)
        from seed in Arbitraries.Seed
        select (convolution, seed),
        problem =>
        {
            ConvolutionDescriptor signed = WithPlainWeights(problem.convolution);
            using TensorMemory source = Filled(signed.Source, problem.seed);
            using TensorMemory weights = Filled(signed.Weights, problem.seed + 1);
            using TensorMemory expected = Compute(signed, PrimitiveAttributes.Default, signed.Destination,
                (ArgumentSlot.Source, source), (ArgumentSlot.Weights, weights));

            ConvolutionDescriptor shifted = signed with { Source = signed.Source.WithDataType(DataType.UInt8) };
            using var shiftedSource = new TensorMemory(shifted.Source);
            for (int i = 0; i < source.Descriptor.SizeInBytes; i++)
                ((byte*)shiftedSource.Data)[i] = (byte)(((byte*)source.Data)[i] ^ 0x80);
            using TensorMemory actual = Compute(
                shifted, new PrimitiveAttributes { SourceZeroPoint = 128 }, signed.Destination,
                (ArgumentSlot.Source, shiftedSource), (ArgumentSlot.Weights, weights));
            TensorCompare.Equal(expected, actual, Tolerance.Exact, signed.ToProblemText());
        },
        count: 40);

    [Fact]
    public void Pointwise_convolution_equals_a_matrix_product() => Properties.Check(
        from pixels in Gen.Choose(1, 9)
        from inputs in Arbitraries.Channels
        from outputs in Arbitraries.Channels
        from seed in Arbitraries.Seed
        let destination = new MemoryDescriptor([pixels, outputs], DataType.UInt8)
        from attributes in Arbitraries.IntegerProductAttributes(DataType.UInt8, destination, outputs)
        select (pixels, inputs, outputs, seed, attributes: attributes with { PostOps = [PostOp.Relu(0.5f)] }),
        problem =>
        {
            (int pixels, int inputs, int outputs, int seed, PrimitiveAttributes attributes) = problem;
            var convolution = new ConvolutionDescriptor
            {
                Source = new([1, inputs, 1, pixels], DataType.UInt8, FormatTag.Nhwc),
                Weights = new([outputs, inputs, 1, 1], DataType.Int8),
                Destination = new([1, outputs, 1, pixels], DataType.UInt8, FormatTag.Nhwc),
            };
            var product = new MatMulDescriptor
            {
                Source = new([pixels, inputs], DataType.UInt8),
                Weights = new MemoryDescriptor([outputs, inputs], DataType.Int8).Permute([1, 0]),
                Destination = new([pixels, outputs], DataType.UInt8),
            };
            using TensorMemory source = Filled(convolution.Source, seed);
            using TensorMemory weights = Filled(convolution.Weights, seed + 1);
            using TensorMemory expected = Compute(convolution, attributes, convolution.Destination, (ArgumentSlot.Source, source),
                (ArgumentSlot.Weights, weights));
            using TensorMemory actual = Compute(product, attributes, product.Destination, (ArgumentSlot.Source, source),
                (ArgumentSlot.Weights, weights));
            Assert.Equal(expected.AsSpan<byte>(), actual.AsSpan<byte>());
        },
        count: 40);

    [Fact]
    public void Inner_product_equals_a_convolution_with_a_kernel_as_large_as_the_image() => Properties.Check(
        from shape in Arbitraries.ShapeOf(4, 5)
        from outputs in Gen.Choose(1, 9)
        from seed in Arbitraries.Seed
        select (shape, outputs, seed),
        problem =>
        {
            (Shape shape, int outputs, int seed) = problem;
            var convolution = new ConvolutionDescriptor
            {
                Source = new(shape, DataType.Int8, FormatTag.Nhwc), Weights = new(shape.With(0, outputs), DataType.Int8),
                Destination = new([shape[0], outputs, 1, 1], DataType.Int32),
            };
            var product = new InnerProductDescriptor
            {
                Source = convolution.Source, Weights = convolution.Weights, Destination = new([shape[0], outputs], DataType.Int32),
            };
            var attributes = new PrimitiveAttributes { SourceZeroPoint = -3, WeightsZeroPoint = 2 };
            using TensorMemory source = Filled(convolution.Source, seed);
            using TensorMemory weights = Filled(convolution.Weights, seed + 1);
            using TensorMemory expected = Compute(convolution, attributes, convolution.Destination, (ArgumentSlot.Source, source),
                (ArgumentSlot.Weights, weights));
            using TensorMemory actual = Compute(product, attributes, product.Destination, (ArgumentSlot.Source, source),
                (ArgumentSlot.Weights, weights));
            Assert.Equal(expected.AsSpan<int>(), actual.AsSpan<int>());
        },
        count: 40);

    [Fact]
    public void Quantizing_a_dequantized_tensor_gives_it_back() => Properties.Check(
        from type in Arbitraries.Int8Type
        from scale in Arbitraries.Scale
        from zeroPoint in Arbitraries.ZeroPoint(type)
        from shape in Arbitraries.ShapeOf(3)
        from seed in Arbitraries.Seed
        select (type, scale, zeroPoint, shape, seed),
        problem =>
        {
            (DataType type, float scale, int zeroPoint, Shape shape, int seed) = problem;
            var integers = new MemoryDescriptor(shape, type);
            var floats = new MemoryDescriptor(shape, DataType.Float32, FormatTag.ChannelsLast(3));
            QuantizationScale quantization = QuantizationScale.PerTensor(scale);
            using TensorMemory source = Filled(integers, seed);
            using TensorMemory real = Compute(
                new ReorderDescriptor { Source = integers, Destination = floats },
                new PrimitiveAttributes { SourceScale = quantization, SourceZeroPoint = zeroPoint }, floats, (ArgumentSlot.Source, source));
            using TensorMemory back = Compute(
                new ReorderDescriptor { Source = floats, Destination = integers },
                new PrimitiveAttributes { DestinationScale = quantization, DestinationZeroPoint = zeroPoint }, integers,
                (ArgumentSlot.Source, real));
            TensorCompare.Equal(source, back, Tolerance.Exact);
        });
}
