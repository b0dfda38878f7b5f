// Placement of buffers in the arena, and reshapes by strides.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Graph.Planning;
using Int8Runtime.TestKit;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class MemoryPlannerTests
{
    [Fact]
    public void No_two_live_buffers_overlap()
    {
        Gen<(int Bytes, int First, int Length)[]> buffers = Gen.Choose(0, 5000)
            .SelectMany(bytes => Gen.Choose(0, 30).SelectMany(first => Gen.Choose(0, 12).Select(length => (bytes, first, length))))
            .ArrayOf();
        Properties.Check(buffers, intervals =>
        {
            PlannedBuffer[] planned =
                [.. intervals.Select(i => new PlannedBuffer(i.Bytes) { FirstStep = i.First, LastStep = i.First + i.Length })];
            long size = MemoryPlanner.Place(planned);
            foreach (PlannedBuffer a in planned)
            {
                Assert.Equal(0, a.Offset % MemoryPlanner.Alignment);
                Assert.True(a.Offset + a.Bytes <= size);
                foreach (PlannedBuffer b in planned)
                {
                    bool apart = a == b || !a.Overlaps(b) || a.Offset + a.Bytes <= b.Offset || b.Offset + b.Bytes <= a.Offset;
                    Assert.True(apart, $"{a.Offset}+{a.Bytes} and {b.Offset}+{b.Bytes} are in use at once");
                }
            }

            Assert.True(size <= planned.Sum(b => b.Bytes + MemoryPlanner.Alignment));
        });
    }

    [Fact]
    public void A_chain_needs_only_two_buffers()
    {
        PlannedBuffer[] chain = [.. Enumerable.Range(0, 10).Select(i => new PlannedBuffer(640) { FirstStep = i, LastStep = i + 1 })];
        Assert.Equal(1280, MemoryPlanner.Place(chain));
    }

    [Fact]
    public void A_reshape_by_strides_shows_the_same_elements()
    {
        Gen<int[]> shapes = Gen.Elements(1, 2, 3, 4).ArrayOf(4);
        Properties.Check(shapes.SelectMany(s => Gen.Choose(0, 2).Select(order => (Shape: s, Order: order))), problem =>
        {
            Shape shape = problem.Shape;
            MemoryDescriptor memory = problem.Order switch
            {
                0 => new MemoryDescriptor(shape, DataType.Float32),
                1 => new MemoryDescriptor(shape, DataType.Float32, FormatTag.ChannelsLast(4)),
                _ => new MemoryDescriptor(shape.With(3, shape[3] + 1), DataType.Float32).Slice([0, 0, 0, 1], shape),
            };
            Shape target = [shape[0] * shape[1], 1, shape[2] * shape[3]];
            if (!StridedView.TryReshape(memory, target, out MemoryDescriptor? view))
            {
                Assert.NotEqual(0, problem.Order);   // dense row-major memory can always be reshaped
                return;
            }

            for (int i = 0; i < shape.ElementCount; i++)
                Assert.Equal(memory.OffsetOf(IndexOf(i, shape)), view.OffsetOf(IndexOf(i, target)));
        });
    }

    private static int[] IndexOf(int position, Shape shape)
    {
        var index = new int[shape.Rank];
        for (int d = shape.Rank - 1; d >= 0; d--)
        {
            index[d] = position % shape[d];
            position /= shape[d];
        }

        return index;
    }
}
