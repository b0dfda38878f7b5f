// How rows of pixels with their channels side by side lie in memory.
namespace Int8Runtime.X64;

/// <summary>
/// A channels-last activation with one to three spatial dimensions, as kernels that work row by row address it. Steps are in
/// bytes; a tensor with one spatial dimension has one row, one with less than three has one slice.
/// </summary>
internal sealed record RowLayout
{
    // Offsets inside a row are 32-bit displacements.
    private const long LargestRow = 1 << 30;

    /// <summary>Reads the layout; only where <see cref="Serves"/> says so.</summary>
    public RowLayout(MemoryDescriptor descriptor)
    {
        bool hasRows = descriptor.Rank >= 4, hasSlices = descriptor.Rank == 5;
        int size = descriptor.DataType.SizeInBytes();
        Images = descriptor.Dimensions[0];
        Channels = descriptor.Dimensions[1];
        Rows = hasRows ? descriptor.Dimensions[^2] : 1;
        Slices = hasSlices ? descriptor.Dimensions[2] : 1;
        Columns = descriptor.Dimensions[^1];
        ElementBytes = size;
        // The stride of a single column means nothing and may be shorter than the pixel itself.
        Pixel = (int)(Columns == 1 ? Math.Max(descriptor.Strides[^1], Channels) : descriptor.Strides[^1]) * size;
        Row = hasRows ? descriptor.Strides[^2] * size : 0;
        Slice = hasSlices ? descriptor.Strides[2] * size : 0;
        Image = descriptor.Strides[0] * size;
        Start = descriptor.Offset * size;
    }

    /// <summary>Batch size.</summary>
    public int Images { get; }

    /// <summary>Channels of a pixel.</summary>
    public int Channels { get; }

    /// <summary>Rows of an image, or of a slice of a volume.</summary>
    public int Rows { get; }

    /// <summary>Slices of a volume.</summary>
    public int Slices { get; }

    /// <summary>Pixels of a row.</summary>
    public int Columns { get; }

    /// <summary>Size of an element.</summary>
    public int ElementBytes { get; }

    /// <summary>From a pixel to the next one of its row.</summary>
    public int Pixel { get; }

    /// <summary>From a row to the next one.</summary>
    public long Row { get; }

    /// <summary>From a slice to the next one.</summary>
    public long Slice { get; }

    /// <summary>From an image to the next one.</summary>
    public long Image { get; }

    /// <summary>The first element.</summary>
    public long Start { get; }

    /// <summary>Channels last where the layout was left open.</summary>
    public static MemoryDescriptor Resolve(MemoryDescriptor descriptor) => descriptor.IsAny
        ? new MemoryDescriptor(descriptor.Dimensions, descriptor.DataType, FormatTag.ChannelsLast(descriptor.Rank))
        : descriptor;

    /// <summary>Whether this class describes the tensor: one to three spatial dimensions, channels last.</summary>
    public static bool Serves(MemoryDescriptor descriptor) => descriptor.Rank is 3 or 4 or 5 && HasChannelsLast(descriptor);

    /// <summary>Whether neighbouring channels lie side by side, rows stay below 1 GiB, and 32 bits count all of them.</summary>
    public static bool HasChannelsLast(MemoryDescriptor descriptor) =>
        descriptor.IsStrided && descriptor.InnerBlocks.IsEmpty && (descriptor.Strides[1] == 1 || descriptor.Dimensions[1] == 1)
        && descriptor.Strides[^1] * descriptor.DataType.SizeInBytes() * descriptor.Dimensions[^1] <= LargestRow
        && descriptor.ElementCount / Math.Max(1L, (long)descriptor.Dimensions[1] * descriptor.Dimensions[^1]) <= int.MaxValue;
}
