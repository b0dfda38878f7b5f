// Weights in the order in which one kernel reads them.
namespace Int8Runtime;

/// <summary>
/// An opaque layout that an implementation chose for its weights, with whatever the kernel needs beside them (for
/// example the compensation of a source zero point). Compares by value, so that packed weights can be shared.
/// </summary>
public abstract class PackedLayout : IEquatable<PackedLayout>
{
    internal PackedLayout()
    {
    }

    /// <summary>A short name for logs, for example <c>brgemm:u8s8:n64k4</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Size of the packed weights in bytes.</summary>
    public abstract long SizeInBytes { get; }

    /// <summary>Writes weights that lie in strided memory into this layout.</summary>
    /// <param name="source">Descriptor of the plain weights.</param>
    /// <param name="sourceData">Start of the plain weights.</param>
    /// <param name="destination">Start of <see cref="SizeInBytes"/> bytes, 64-byte aligned.</param>
    internal abstract unsafe void Pack(MemoryDescriptor source, void* sourceData, void* destination);

    /// <inheritdoc/>
    public abstract bool Equals(PackedLayout? other);

    /// <inheritdoc/>
    public sealed override bool Equals(object? obj) => Equals(obj as PackedLayout);

    /// <inheritdoc/>
    public abstract override int GetHashCode();
}
