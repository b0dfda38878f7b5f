// Strides, inner blocks and the place of each element.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Reference;
using Int8Runtime.TestKit;

namespace Int8Runtime.Core.Tests.Memory;

public sealed class MemoryDescriptorTests
{
    // A random layout of rank 1 to 5 with up to three inner blocks, and a shape for it.
    private static readonly Gen<(string Tag, Shape Shape)> Layout =
        from rank in Gen.Choose(1, 5)
        from order in Gen.Shuffle(Enumerable.Range(0, rank).ToArray())
        from extents in Gen.Choose(1, 5).ArrayOf(rank)
        from count in Gen.Choose(0, 3)
        from blocks in (from d in Gen.Choose(0, rank - 1) from size in Gen.Choose(2, 4) select (d, size)).ArrayOf(count)
        let capitals = blocks.Select(b => b.d).ToHashSet()
        let outer = string.Concat(order.Select(d => (char)((capitals.Contains(d) ? 'A' : 'a') + d)))
        let inner = string.Concat(blocks.Select(b => $"{b.size}{(char)('a' + b.d)}"))
        select (outer + inner, Shape.Create(extents));

    [Fact]
    public void Layouts_that_leave_the_memory_are_refused()
    {
        MemoryDescriptor backwards = MemoryDescriptor.Strided([4, 2], DataType.Float32, [-2, 1], offset: 6);
        Assert.Equal(32, backwards.SizeInBytes);
        Assert.Throws<ArgumentException>(() => MemoryDescriptor.Strided([4, 2], DataType.Float32, [-2, 1], offset: 5));
        Assert.Throws<ArgumentException>(() => MemoryDescriptor.Strided([2], DataType.Float32, [1], offset: -1));
        MemoryDescriptor huge = MemoryDescriptor.Strided([1 << 30, 1 << 30], DataType.Float32, [1L << 40, 1]);
        Assert.Throws<OverflowException>(() => huge.SizeInBytes);
        var dense = new MemoryDescriptor([4, 2], DataType.Float32);
        Assert.Equal(2, dense.Slice([1, 0], [3, 2]).Offset);
        Assert.Throws<ArgumentOutOfRangeException>(() => dense.Slice([2, 0], [3, 2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => dense.Slice([-1, 0], [3, 2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => dense.Slice([0], [3]));
    }

    [Fact]
    public void Every_element_of_the_padded_space_has_its_own_place() => Properties.Check(Layout, layout =>
    {
        var descriptor = new MemoryDescriptor(layout.Shape, DataType.UInt8, FormatTag.Parse(layout.Tag));
        var seen = new bool[descriptor.SizeInBytes];
        Assert.Equal(descriptor.PaddedDimensions.ElementCount, descriptor.SizeInBytes);
        var index = new int[descriptor.Rank];
        do
        {
            long offset = descriptor.OffsetOf(index);
            Assert.False(seen[offset]);
            seen[offset] = true;
        }
        while (IndexSpace.Next(index, descriptor.PaddedDimensions));
        Assert.DoesNotContain(false, seen);
    });

    [Fact]
    public void Layout_text_of_a_dense_tensor_parses_to_the_same_layout() => Properties.Check(Layout, layout =>
    {
        var descriptor = new MemoryDescriptor(layout.Shape, DataType.UInt8, FormatTag.Parse(layout.Tag));
        FormatTag tag = FormatTag.Parse(descriptor.LayoutText());
        Assert.True(descriptor.IsDense);
        Assert.True(descriptor.HasLayout(tag), $"{layout} printed as {tag}");
    });

    [Fact]
    public void Reorders_through_any_layout_and_back_keep_every_element() => Properties.Check(
        from layout in Layout from seed in Arbitraries.Seed select (layout, seed),
        problem =>
        {
            using var engine = new ReferenceEngine();
            using ExecutionStream stream = engine.CreateStream();
            var plain = new MemoryDescriptor(problem.layout.Shape, DataType.Int32);
            using var source = new TensorMemory(plain);
            TensorFill.Random(source, problem.seed);
            using TensorMemory blocked = stream.Reorder(source,
                new MemoryDescriptor(plain.Dimensions, DataType.Int32, FormatTag.Parse(problem.layout.Tag)));
            using TensorMemory back = stream.Reorder(blocked, plain);
            TensorCompare.Equal(source, back, Tolerance.Exact);
        },
        count: 50);

    [Fact]
    public void Channels_of_a_blocked_layout_lie_side_by_side()
    {
        var descriptor = new MemoryDescriptor([1, 20, 2, 2], DataType.Float32, FormatTag.Parse("nChw16c"));
        Assert.Equal([1, 32, 2, 2], descriptor.PaddedDimensions);
        Assert.Equal(2 * 2 * 32 * 4, descriptor.SizeInBytes);
        Assert.Equal((1 * 64) + (3 * 16) + 2, descriptor.OffsetOf([0, 18, 1, 1]));
        Assert.Equal("f32:aBcd16b:1x20x2x2", descriptor.ToString());
    }

    [Fact]
    public void Nested_blocks_split_an_index_from_the_inside()
    {
        // OIhw4i16o4i: input channel 13 = block 3 of four, element 1; output channel 5.
        var descriptor = new MemoryDescriptor([16, 16, 1, 1], DataType.Int8, FormatTag.Parse("OIhw4i16o4i"));
        Assert.Equal((3 * 64) + (5 * 4) + 1, descriptor.OffsetOf([5, 13, 0, 0]));
    }

    [Fact]
    public void Slices_and_permutations_are_views()
    {
        var whole = new MemoryDescriptor([1, 4, 3, 5], DataType.UInt8, FormatTag.Nhwc);
        MemoryDescriptor part = whole.Slice([0, 1, 1, 2], [1, 2, 2, 3]);
        Assert.Equal(whole.OffsetOf([0, 2, 2, 4]), part.OffsetOf([0, 1, 1, 2]));
        Assert.False(part.IsDense);
        Assert.Contains("*", part.LayoutText());
        MemoryDescriptor turned = part.Permute([0, 2, 3, 1]);
        Assert.Equal(part.OffsetOf([0, 1, 0, 2]), turned.OffsetOf([0, 0, 2, 1]));
        var blocked = new MemoryDescriptor([1, 16, 1, 1], DataType.UInt8, FormatTag.Parse("nChw16c"));
        Assert.Throws<InvalidOperationException>(() => blocked.Slice([0, 0, 0, 0], [1, 1, 1, 1]));
        Assert.Throws<InvalidOperationException>(() => blocked.Permute([0, 1, 2, 3]));
    }

    [Theory]
    [InlineData("abcd", 2, 6, true)]
    [InlineData("dcab", 2, 6, true)]
    [InlineData("aBcd4b", 2, 8, true)]
    [InlineData("aBCd4c8b2c", 3, 16, true)]
    [InlineData("Abcd8a", 13, 1, true)]
    [InlineData("dcba", 5, 1, true)] // a single channel in each group
    [InlineData("dcba", 1, 5, true)]
    [InlineData("aBcd4b", 2, 6, false)] // padding between the groups
    [InlineData("Abcd8a", 16, 2, false)]
    [InlineData("ABcd8a4b", 16, 1, false)]
    [InlineData("acbd", 2, 6, false)]
    [InlineData("dcba", 2, 6, false)]
    public void The_first_two_dimensions_become_one_where_strides_allow_it(string tag, int outer, int inner, bool joins)
    {
        var apart = new MemoryDescriptor([outer, inner, 6, 3], DataType.Int8, FormatTag.Parse(tag));
        MemoryDescriptor? joined = apart.JoinFirstDimensions();
        Assert.Equal(joins, joined is not null);
        if (joined is null)
            return;
        Assert.Equal([outer * inner, 6, 3], joined.Dimensions);
        Assert.Equal(apart.SizeInBytes, joined.SizeInBytes);
        for (int a = 0; a < outer; a++)
            for (int b = 0; b < inner; b++)
                for (int c = 0; c < 6; c++)
                    Assert.Equal(apart.OffsetOf([a, b, c, 2]), joined.OffsetOf([(a * inner) + b, c, 2]));
    }

    [Fact]
    public void Descriptors_compare_by_value()
    {
        var a = new MemoryDescriptor([2, 3], DataType.Float32);
        Assert.Equal(a, MemoryDescriptor.Strided([2, 3], DataType.Float32, [3, 1]));
        Assert.Equal(a.GetHashCode(), new MemoryDescriptor([2, 3], DataType.Float32, FormatTag.Ab).GetHashCode());
        Assert.NotEqual(a, a.WithDataType(DataType.Int32));
        Assert.NotEqual(a, MemoryDescriptor.Any([2, 3], DataType.Float32));
        Assert.Throws<InvalidOperationException>(() => MemoryDescriptor.Any([2, 3], DataType.Float32).SizeInBytes);
        Assert.Throws<ArgumentException>(() => new MemoryDescriptor([2, 3], DataType.Float32, FormatTag.Nhwc));
        Assert.Throws<ArgumentException>(() => MemoryDescriptor.Strided([2, 3], DataType.Float32, [1]));
        Assert.Throws<ArgumentException>(() => new MemoryDescriptor([2, 3], DataType.Undefined));
    }

    [Fact]
    public void Empty_and_scalar_tensors_have_sizes()
    {
        Assert.Equal(0, new MemoryDescriptor([0, 3], DataType.Float32).SizeInBytes);
        Assert.Equal(4, new MemoryDescriptor([], DataType.Float32).SizeInBytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryDescriptor([-1], DataType.Float32));
    }
}
