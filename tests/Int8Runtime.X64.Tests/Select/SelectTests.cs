// Selections against the reference: every type combination, layout and broadcast of the sources and of the condition.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class SelectTests
{
    [Fact]
    public void Every_combination_gives_the_bits_of_the_reference()
    {
        Gen<Problem> problems =
            from type0 in Layouts.AnyType
            from type1 in Layouts.AnyType
            from type in Layouts.AnyType
            from shape in Layouts.Images
            from shape0 in Gen.Frequency((3, Gen.Constant(shape)), (1, Layouts.BroadcastOf(shape)))
            from shape1 in Gen.Frequency((2, Gen.Constant(shape)), (1, Layouts.BroadcastOf(shape)))
            from shape2 in Gen.Frequency((2, Gen.Constant(shape)), (1, Layouts.BroadcastOf(shape)))
            from tag in Layouts.DenseTag
            from source in Gen.OneOf(Gen.Constant(new MemoryDescriptor(shape0, type0, tag)), Layouts.Tensor(shape0, type0))
            from source1 in Gen.OneOf(Gen.Constant(new MemoryDescriptor(shape1, type1, tag)), Layouts.Tensor(shape1, type1))
            from condition in Gen.Elements(DataType.Int8, DataType.UInt8)
            from conditions in Gen.OneOf(Gen.Constant(new MemoryDescriptor(shape2, condition, tag)), Layouts.Tensor(shape2, condition))
            from destination in Gen.OneOf(Gen.Constant(new MemoryDescriptor(shape, type, tag)), Layouts.Tensor(shape, type))
            from scale0 in Arbitraries.Scale
            from zeroPoint0 in Arbitraries.ZeroPoint(type0)
            from scale1 in Arbitraries.Scale
            from zeroPoint1 in Arbitraries.ZeroPoint(type1)
            from destinationScale in Arbitraries.Scale
            from postOps in Arbitraries.PostOps(destination)
            from fill in Gen.Elements(FillKind.Typical, FillKind.Extremes, FillKind.SpecialFloats)
            from options in Arbitraries.Options()
            select new Problem(
                new SelectDescriptor { Source = source, Source1 = source1, Condition = conditions, Destination = destination },
                new PrimitiveAttributes
                {
                    SourceScale = QuantizationScale.PerTensor(scale0), SourceZeroPoint = zeroPoint0,
                    Source1Scale = QuantizationScale.PerTensor(scale1), Source1ZeroPoint = zeroPoint1,
                    DestinationScale = QuantizationScale.PerTensor(destinationScale),
                    PostOps = fill == FillKind.SpecialFloats ? [] : postOps,
                },
                options with { Fill = fill });
        VectorEngines.CheckOnAllTiers(problems, 200);
    }
}
