// Binary against the reference: every function, type combination, layout and broadcast.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class BinaryTests
{
    [Fact]
    public void Every_combination_gives_the_bits_of_the_reference()
    {
        Gen<Problem> problems =
            from algorithm in Gen.Elements(Enum.GetValues<BinaryAlgorithm>())
            from type0 in Layouts.ComputeType
            from type1 in Layouts.AnyType
            from type in Layouts.ComputeType
            from shape in Layouts.Images
            from shape0 in Gen.Frequency((3, Gen.Constant(shape)), (1, Layouts.BroadcastOf(shape)))
            from shape1 in Gen.Frequency((1, Gen.Constant(shape)), (2, Layouts.BroadcastOf(shape)))
            from tag in Layouts.DenseTag
            from source in Gen.OneOf(Gen.Constant(new MemoryDescriptor(shape0, type0, tag)), Layouts.Tensor(shape0, type0))
            from source1 in Gen.OneOf(Gen.Constant(new MemoryDescriptor(shape1, type1, tag)), Layouts.Tensor(shape1, type1))
            from destination in Gen.OneOf(Gen.Constant(new MemoryDescriptor(shape, type, tag)), Layouts.Tensor(shape, type))
            from attributes in Quantization(type0, type1, type)
            from postOps in Arbitraries.PostOps(destination)
            from options in Arbitraries.Options()
            select new Problem(
                new BinaryDescriptor { Algorithm = algorithm, Source = source, Source1 = source1, Destination = destination },
                attributes with { PostOps = postOps }, options);
        VectorEngines.CheckOnAllTiers(problems, 400);
    }

    [Fact]
    public void Residual_additions_of_int8_use_generated_kernels_in_place()
    {
        var tensor = new MemoryDescriptor([1, 33, 4, 5], DataType.UInt8, FormatTag.Nhwc);
        var descriptor = new BinaryDescriptor
        {
            Algorithm = BinaryAlgorithm.Add, Source = tensor, Source1 = tensor.WithDataType(DataType.Int8), Destination = tensor,
        };
        var attributes = new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.PerTensor(0.02f), SourceZeroPoint = 3,
            Source1Scale = QuantizationScale.PerTensor(0.03f), Source1ZeroPoint = -5,
            DestinationScale = QuantizationScale.PerTensor(0.04f), DestinationZeroPoint = 128,
            PostOps = [PostOp.Relu()],
        };
        VectorEngines.CheckOnAllTiers(descriptor, attributes, new CheckOptions { InPlace = true });
    }

    [Fact]
    public void A_second_source_may_be_the_memory_of_a_padded_destination()
    {
        var tensor = new MemoryDescriptor([2, 20, 3, 5], DataType.UInt8, FormatTag.Parse("aBcd16b"));
        var descriptor = new BinaryDescriptor
        {
            Algorithm = BinaryAlgorithm.Add, Source = tensor, Source1 = tensor, Destination = tensor,
        };
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa);
            using ExecutionStream stream = engine.CreateStream();
            using TensorMemory source = new(tensor), source1 = new(tensor), apart = new(tensor);
            TensorFill.Random(source, seed: 1);
            TensorFill.Random(source1, seed: 2);
            Primitive primitive = engine.Create(descriptor);
            primitive.Execute(stream, new BinaryArguments(source, source1, apart));
            primitive.Execute(stream, new BinaryArguments(source, source1, source1));
            Assert.Equal(apart.AsSpan<byte>(), source1.AsSpan<byte>());
        }
    }

    private static Gen<PrimitiveAttributes> Quantization(DataType source, DataType source1, DataType destination) =>
        from scale0 in Arbitraries.Scale
        from zeroPoint0 in Arbitraries.ZeroPoint(source)
        from scale1 in Arbitraries.Scale
        from zeroPoint1 in Arbitraries.ZeroPoint(source1)
        from scale in Arbitraries.Scale
        from zeroPoint in Arbitraries.ZeroPoint(destination)
        from quantized in Gen.Elements(true, false)
        select !quantized ? PrimitiveAttributes.Default : new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.PerTensor(scale0), SourceZeroPoint = zeroPoint0,
            Source1Scale = QuantizationScale.PerTensor(scale1), Source1ZeroPoint = zeroPoint1,
            DestinationScale = QuantizationScale.PerTensor(scale), DestinationZeroPoint = zeroPoint,
        };
}
