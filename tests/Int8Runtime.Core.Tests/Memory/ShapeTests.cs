// The list of extents.
namespace Int8Runtime.Core.Tests.Memory;

public sealed class ShapeTests
{
    [Fact]
    public void Compares_by_value()
    {
        Shape shape = [1, 2, 3];
        Assert.Equal(Shape.Create([1, 2, 3]), shape);
        Assert.Equal(Shape.Create([1, 2, 3]).GetHashCode(), shape.GetHashCode());
        Assert.True(shape != [1, 2, 4]);
        Assert.True(default(Shape) == Shape.Create([]));
    }

    [Fact]
    public void Is_immutable()
    {
        int[] source = [4, 5];
        Shape shape = source;
        source[0] = 9;
        Assert.Equal(4, shape[0]);
        Assert.Equal([7, 5], shape.With(0, 7));
        Assert.Equal(4, shape[0]);
        shape.ToArray()[0] = 8;
        Assert.Equal(4, shape[0]);
    }

    [Fact]
    public void Slices_counts_and_prints()
    {
        Shape shape = [1, 64, 56, 55];
        Assert.Equal([56, 55], shape[2..]);
        Assert.Equal(55, shape[^1]);
        Assert.Equal(64L * 56 * 55, shape.ElementCount);
        Assert.Equal("1x64x56x55", shape.ToString());
        Assert.Equal(1, default(Shape).ElementCount);
        Assert.Equal([3, 3], Shape.Filled(2, 3));
        Assert.Throws<OverflowException>(() => Shape.Filled(4, int.MaxValue).ElementCount);
    }
}
