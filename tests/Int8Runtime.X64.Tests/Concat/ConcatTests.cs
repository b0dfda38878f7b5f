// Concat against the reference: every axis, layout and type, with parts of any size.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class ConcatTests
{
    [Fact]
    public void Every_axis_and_layout_keeps_every_bit()
    {
        Gen<Problem> problems =
            from type in Layouts.AnyType
            from shape in Layouts.Images
            from axis in Gen.Choose(0, 3)
            from count in Gen.Choose(1, 4)
            from parts in Gen.Choose(1, 20).ArrayOf(count)
            from tag in Layouts.DenseTag
            from sources in Gen.CollectToArray(parts.Select(part => Layouts.Tensor(shape.With(axis, part), type)))
            from options in Arbitraries.Options()
            select new Problem(
                new ConcatDescriptor
                {
                    Sources = [.. sources], Axis = axis,
                    Destination = new MemoryDescriptor(shape.With(axis, parts.Sum()), type, tag),
                },
                PrimitiveAttributes.Default, options);
        VectorEngines.CheckOnAllTiers(problems, 200);
    }

    [Fact]
    public void Sources_of_other_types_and_scales_are_converted()
    {
        Gen<Problem> problems =
            from types in Layouts.ComputeType.ArrayOf(3)
            from type in Layouts.ComputeType
            from shape in Layouts.Images
            from axis in Gen.Choose(0, 3)
            from parts in Gen.Choose(1, 12).ArrayOf(3)
            from sources in Gen.CollectToArray(parts.Zip(types, (part, source) => Layouts.Tensor(shape.With(axis, part), source)))
            from scales in Arbitraries.Scale.ArrayOf(3)
            from zeroPoints in Gen.CollectToArray(types.Select(Arbitraries.ZeroPoint))
            from scale in Arbitraries.Scale
            from zeroPoint in Arbitraries.ZeroPoint(type)
            from tag in Layouts.DenseTag
            from options in Arbitraries.Options()
            select new Problem(
                new ConcatDescriptor
                {
                    Sources = [.. sources], Scales = [.. scales], ZeroPoints = [.. zeroPoints], Axis = axis,
                    Destination = new MemoryDescriptor(shape.With(axis, parts.Sum()), type, tag),
                },
                new PrimitiveAttributes { DestinationScale = QuantizationScale.PerTensor(scale),
                    DestinationZeroPoint = zeroPoint }, options);
        VectorEngines.CheckOnAllTiers(problems, 150);
    }
}
