// Rectifiers with a tensor of slopes against the reference: every type combination, layout and broadcast.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class PReluTests
{
    [Fact]
    public void Every_combination_gives_the_bits_of_the_reference()
    {
        Gen<Problem> problems =
            from type in Layouts.AnyType
            from slopeType in Layouts.AnyType
            from result in Layouts.AnyType
            from shape in Layouts.Images
            from slopeShape in Gen.Frequency((1, Gen.Constant(shape)), (2, Layouts.BroadcastOf(shape)))
            from tag in Layouts.DenseTag
            from source in Gen.OneOf(Gen.Constant(new MemoryDescriptor(shape, type, tag)), Layouts.Tensor(shape, type))
            from slopes in Gen.OneOf(Gen.Constant(new MemoryDescriptor(slopeShape, slopeType, tag)), Layouts.Tensor(slopeShape, slopeType))
            from destination in Gen.OneOf(Gen.Constant(new MemoryDescriptor(shape, result, tag)), Layouts.Tensor(shape, result))
            from scale in Arbitraries.Scale
            from zeroPoint in Arbitraries.ZeroPoint(type)
            from slopeScale in Arbitraries.Scale
            from slopeZeroPoint in Arbitraries.ZeroPoint(slopeType)
            from resultScale in Arbitraries.Scale
            from resultZeroPoint in Arbitraries.ZeroPoint(result)
            from postOps in Arbitraries.PostOps(destination)
            from options in Arbitraries.Options()
            select new Problem(
                new PReluDescriptor { Source = source, Slopes = slopes, Destination = destination },
                new PrimitiveAttributes
                {
                    SourceScale = QuantizationScale.PerTensor(scale), SourceZeroPoint = zeroPoint,
                    Source1Scale = QuantizationScale.PerTensor(slopeScale), Source1ZeroPoint = slopeZeroPoint,
                    DestinationScale = QuantizationScale.PerTensor(resultScale), DestinationZeroPoint = resultZeroPoint, PostOps = postOps,
                },
                options);
        VectorEngines.CheckOnAllTiers(problems, 200);
    }

    [Fact]
    public void Special_values_and_execution_in_place_are_those_of_the_reference()
    {
        var tensor = new MemoryDescriptor([1, 33, 4, 5], DataType.Float32, FormatTag.Nhwc);
        var descriptor = new PReluDescriptor { Source = tensor, Slopes = new([1, 33, 1, 1], DataType.Float32, FormatTag.Nhwc),
            Destination = tensor };
        for (int seed = 1; seed < 5; seed++)
            VectorEngines.CheckOnAllTiers(
                descriptor, PrimitiveAttributes.Default, new CheckOptions { InPlace = true, Fill = FillKind.SpecialFloats, Seed = seed });
    }
}
