// LRN against the reference: both layouts, windows of any size, quantized operands.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class LrnTests
{
    [Fact]
    public void Every_layout_and_window_is_close_to_the_reference()
    {
        Gen<Problem> problems =
            from sourceType in Gen.Elements(DataType.Float32, DataType.Float32, DataType.UInt8, DataType.Int8)
            from type in Gen.Elements(DataType.Float32, DataType.Float32, DataType.UInt8, DataType.Int8)
            from shape in Layouts.Images
            from source in Layouts.Tensor(shape, sourceType)
            from destination in Gen.OneOf(Gen.Constant(source.WithDataType(type)), Layouts.Tensor(shape, type))
            from size in Gen.Elements(1, 2, 3, 5, 5, 9, 40)
            from beta in Gen.Elements(0.75f, 0.75f, 0.5f, 1f, 0.6f)
            from zeroPoint in Arbitraries.ZeroPoint(sourceType)
            from options in Arbitraries.Options(
                type == DataType.Float32 ? new Tolerance(32, 0, 1e-12) : new Tolerance(1))
            select new Problem(
                new LrnDescriptor
                {
                    Source = source, Destination = destination, LocalSize = size, Alpha = 0.9f, Beta = beta, K = 1.5f,
                },
                new PrimitiveAttributes
                {
                    SourceScale = sourceType.IsInt8() ? QuantizationScale.PerTensor(0.02f) : null,
                    SourceZeroPoint = zeroPoint,
                    DestinationScale = type.IsInt8() ? QuantizationScale.PerTensor(0.01f) : null,
                    DestinationZeroPoint = type.IsInt8() ? 5 : 0,
                },
                options);
        VectorEngines.CheckOnAllTiers(problems, 300);
    }

    [Fact]
    public void Windows_within_a_channel_are_close_to_the_reference()
    {
        Gen<Problem> problems =
            from sourceType in Gen.Elements(DataType.Float32, DataType.Float32, DataType.UInt8, DataType.Int8, DataType.BFloat16)
            from type in Gen.Elements(DataType.Float32, DataType.Float32, DataType.UInt8, DataType.Int8, DataType.BFloat16)
            from shape in Layouts.Images
            from source in Layouts.Tensor(shape, sourceType)
            from destination in Gen.OneOf(Gen.Constant(source.WithDataType(type)), Layouts.Tensor(shape, type))
            from size in Gen.Elements(1, 2, 3, 4, 5, 9)
            from beta in Gen.Elements(0.75f, 0.5f, 1f)
            from zeroPoint in Arbitraries.ZeroPoint(sourceType)
            from postOps in Arbitraries.PostOps(destination)
            from options in Arbitraries.Options(type == DataType.Float32 ? Tolerance.Within(1e-5, 1e-5) : new Tolerance(1))
            select new Problem(
                new LrnDescriptor
                {
                    Algorithm = LrnAlgorithm.WithinChannel, Source = source, Destination = destination, LocalSize = size, Alpha = 0.9f,
                    Beta = beta, K = 1.5f,
                },
                new PrimitiveAttributes
                {
                    SourceScale = sourceType.IsInt8() ? QuantizationScale.PerTensor(0.02f) : null,
                    SourceZeroPoint = zeroPoint,
                    DestinationScale = type.IsInt8() ? QuantizationScale.PerTensor(0.01f) : null,
                    DestinationZeroPoint = type.IsInt8() ? 5 : 0,
                    PostOps = type == DataType.Float32 ? postOps : PostOpChain.Empty,
                },
                options);
        VectorEngines.CheckOnAllTiers(problems, 80);
    }
}
