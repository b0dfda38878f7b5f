// How pixels with their channels side by side lie in memory, for any number of spatial dimensions.
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

/// <summary>A channels-last activation as kernels that go from pixel to pixel address it. Steps are in bytes.</summary>
internal readonly record struct ImageLayout(MemoryDescriptor Descriptor)
{
    /// <summary>Why kernels that go from pixel to pixel do not take two tensors, if they do not.</summary>
    /// <param name="name">The implementation that refuses.</param>
    /// <param name="isa">Instruction sets that it may use.</param>
    /// <param name="source">The source, its layout resolved.</param>
    /// <param name="destination">The destination, its layout resolved.</param>
    public static Rejection? Refuse(string name, Isa isa, MemoryDescriptor source, MemoryDescriptor destination)
    {
        if (KernelTier.Refusal(name, isa) is { } tier)
            return tier;
        if (destination.ElementCount == 0)
            return new Rejection(name, RejectionReason.Shape, "empty destination");
        if (!ScalarAccess.CanCompute(source.DataType) || !ScalarAccess.CanCompute(destination.DataType))
            return new Rejection(
                name, RejectionReason.DataTypes, $"{source.DataType.ToShortName()}:{destination.DataType.ToShortName()}");
        return RowLayout.HasChannelsLast(source) && RowLayout.HasChannelsLast(destination) ? null : new Rejection(
            name, RejectionReason.Layout, $"source {source} and destination {destination} need channels last and fewer than 2³¹ rows below 1 GiB");
    }

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
