// Sums against the reference: every mixture of types and layouts, in place as well.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class SumTests
{
    [Fact]
    public void Every_mixture_of_types_and_layouts_gives_the_bits_of_the_reference()
    {
        Gen<Problem> problems =
            from count in Gen.Choose(1, 5)
            from types in Layouts.AnyType.ArrayOf(count)
            from type in Layouts.AnyType
            from shape in Layouts.Images
            from sources in Gen.CollectToArray(types.Select(source => Layouts.Tensor(shape, source)))
            from destination in Layouts.Tensor(shape, type)
            from scales in Gen.OneOf(Arbitraries.Scale, Arbitraries.Scale.Select(scale => -scale)).ArrayOf(count)
            from scale in Arbitraries.Scale
            from options in Arbitraries.Options()
            select new Problem(
                new SumDescriptor { Sources = [.. sources], Scales = [.. scales], Destination = destination },
                new PrimitiveAttributes { DestinationScale = QuantizationScale.PerTensor(scale) }, options);
        VectorEngines.CheckOnAllTiers(problems, 200);
    }

    [Fact]
    public void The_destination_may_be_the_first_source()
    {
        var tensor = new MemoryDescriptor([1, 33, 4, 5], DataType.UInt8, FormatTag.Nhwc);
        var descriptor = new SumDescriptor
        {
            Sources = [tensor, tensor.WithDataType(DataType.Int8), tensor.WithDataType(DataType.Float32)], Scales = [0.5f, 1, 2],
            Destination = tensor,
        };
        VectorEngines.CheckOnAllTiers(descriptor, PrimitiveAttributes.Default, new CheckOptions { InPlace = true });
    }

    [Fact]
    public void As_many_sources_as_there_are_arguments_are_served()
    {
        var tensor = new MemoryDescriptor([3, 37], DataType.Float32);
        var descriptor = new SumDescriptor { Sources = [.. Enumerable.Repeat(tensor, PostOp.MaximumChainLength)], Destination = tensor };
        VectorEngines.CheckOnAllTiers(descriptor, PrimitiveAttributes.Default, new CheckOptions());
    }
}
