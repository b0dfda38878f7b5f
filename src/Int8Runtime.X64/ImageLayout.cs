// How pixels with their channels side by side lie in memory, for any number of spatial dimensions.
namespace Int8Runtime.X64;

/// <summary>A channels-last activation as kernels that go from pixel to pixel address it. Steps are in bytes.</summary>
internal readonly record struct ImageLayout(MemoryDescriptor Descriptor)
{
    /// <summary>Size of an element.</summary>
    public int ElementBytes => Descriptor.DataType.SizeInBytes();

    /// <summary>The first element.</summary>
    public long Start => Descriptor.Offset * ElementBytes;

    /// <summary>From an image to the next one.</summary>
    public long Image => Descriptor.Strides[0] * ElementBytes;

    /// <summary>From a pixel to the next one of its row.</summary>
    public int Pixel => checked((int)Step(Descriptor.Rank - 3));

    /// <summary>Along a spatial dimension.</summary>
    public long Step(int axis) => Descriptor.Strides[axis + 2] * ElementBytes;
}
