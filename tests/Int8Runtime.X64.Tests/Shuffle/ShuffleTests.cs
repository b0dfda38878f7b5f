// Shuffles against the reference: every axis, layout, type and group size.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class ShuffleTests
{
    [Fact]
    public void Every_axis_layout_and_group_keeps_every_bit()
    {
        Gen<Problem> problems =
            from type in Layouts.AnyType
            from images in Layouts.Images
            from axis in Gen.Choose(0, 3)
            from size in Gen.Choose(1, 5)
            from rows in Gen.Choose(1, 9)
            let shape = images.With(axis, size * rows)
            from tag in Layouts.DenseTag
            from other in Layouts.DenseTag
            from options in Arbitraries.Options()
            select new Problem(
                new ShuffleDescriptor
                {
                    Source = new(shape, type, tag), Destination = new(shape, type, other), Axis = axis, GroupSize = size,
                },
                PrimitiveAttributes.Default, options);
        VectorEngines.CheckOnAllTiers(problems, 150);
    }

    // The order of ShuffleNet: channels [group][index] become [index][group].
    [Fact]
    public void Groups_are_interleaved()
    {
        using var engine = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream();
        var layout = new MemoryDescriptor([1, 6], DataType.UInt8);
        using TensorMemory source = TensorMemory.Wrap(layout, new byte[] { 0, 1, 2, 10, 11, 12 });
        using var destination = new TensorMemory(layout);
        var descriptor = new ShuffleDescriptor { Source = layout, Destination = layout, Axis = 1, GroupSize = 3 };
        engine.Create(descriptor).Execute(stream, new UnaryArguments(source, destination));
        Assert.Equal(new byte[] { 0, 10, 1, 11, 2, 12 }, destination.AsSpan<byte>().ToArray());
    }
}
