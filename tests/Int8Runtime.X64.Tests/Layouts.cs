// Random tensors in any layout, for tests of vector primitives.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

internal static class Layouts
{
    /// <summary>Every type that primitives compute with.</summary>
    public static Gen<DataType> AnyType { get; } = Gen.Elements(
        DataType.Float32, DataType.UInt8, DataType.Int8, DataType.Int32, DataType.BFloat16, DataType.Float16);

    /// <summary>f32 and the integer types.</summary>
    public static Gen<DataType> ComputeType { get; } =
        Gen.Elements(DataType.Float32, DataType.UInt8, DataType.Int8, DataType.Int32);

    /// <summary>A shape [n, c, h, w] with tails in every dimension.</summary>
    public static Gen<Shape> Images { get; } =
        from n in Gen.Choose(1, 3)
        from c in Gen.OneOf(Gen.Choose(1, 9), Arbitraries.Channels)
        from h in Gen.Choose(1, 5)
        from w in Gen.OneOf(Gen.Choose(1, 9), Gen.Choose(10, 70))
        where n * c * h * w <= 20_000
        select Shape.Create([n, c, h, w]);

    /// <summary>A dense layout of four dimensions, blocked or not.</summary>
    public static Gen<FormatTag> DenseTag { get; } =
        Gen.Elements("nchw", "nhwc", "nhwc", "cdba", "nChw16c", "nChw8c", "nhcw").Select(Parse);

    /// <summary>A tensor in a dense layout, or with gaps between rows, or shifted.</summary>
    public static Gen<MemoryDescriptor> Tensor(Shape shape, DataType type) => Gen.OneOf(
        DenseTag.Select(tag => new MemoryDescriptor(shape, type, tag)),
        from tag in Gen.Elements("nchw", "nhwc").Select(Parse)
        from gap in Gen.Choose(1, 5)
        from offset in Gen.Choose(0, 3)
        select WithGaps(shape, type, tag, gap, offset));

    /// <summary>A shape of extents that are the given ones or 1.</summary>
    public static Gen<Shape> BroadcastOf(Shape shape) =>
        from mask in Gen.Choose(0, (1 << shape.Rank) - 1)
        select Shape.Create([.. shape.Select((extent, d) => (mask & (1 << d)) != 0 ? extent : 1)]);

    private static FormatTag Parse(string tag) => tag switch
    {
        "cdba" => FormatTag.Parse("cdba"),
        "nhcw" => FormatTag.Parse("acbd"),
        _ => FormatTag.Parse(tag),
    };

    // Room for `gap` more elements at the end of each innermost run.
    private static MemoryDescriptor WithGaps(Shape shape, DataType type, FormatTag tag, int gap, int offset)
    {
        int innermost = tag.OuterOrder[^1];
        Shape room = shape.With(innermost, shape[innermost] + gap);
        return MemoryDescriptor.Strided(shape, type, new MemoryDescriptor(room, type, tag).Strides.AsSpan(), offset);
    }
}
