// A tensor's memory: owned and aligned, or the caller's.
using System.Buffers;
namespace Int8Runtime;

/// <summary>
/// Memory of a tensor. It owns zero-filled memory aligned to 64 bytes, or wraps memory of the caller without copying;
/// in that case the caller keeps it alive and pinned for as long as this object is used.
/// </summary>
public sealed unsafe class TensorMemory : IDisposable
{
    private readonly long _ownedBytes;
    private readonly TensorMemory? _owner;
    private MemoryHandle _pin;
    private byte* _data;

    /// <summary>Allocates zero-filled memory for <paramref name="descriptor"/>.</summary>
    /// <exception cref="InvalidOperationException">The descriptor's layout is not chosen yet.</exception>
    public TensorMemory(MemoryDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        Descriptor = descriptor;
        long bytes = (Math.Max(descriptor.SizeInBytes, 1) + 63) & ~63L;
        _data = ZeroedMemory.Allocate(bytes);
        _ownedBytes = bytes;
        GC.AddMemoryPressure(bytes);
    }

    /// <summary>Wraps memory of the caller, which must hold <see cref="MemoryDescriptor.SizeInBytes"/> bytes.</summary>
    public TensorMemory(MemoryDescriptor descriptor, void* data)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        ArgumentNullException.ThrowIfNull(data);
        Descriptor = descriptor;
        _data = (byte*)data;
    }

    private TensorMemory(MemoryDescriptor descriptor, MemoryHandle pin)
        : this(descriptor, pin.Pointer) => _pin = pin;

    private TensorMemory(MemoryDescriptor descriptor, TensorMemory owner, long byteOffset)
        : this(descriptor, (byte*)owner.Data + byteOffset)
    {
        _owner = owner;
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees owned memory that was not disposed.</summary>
    ~TensorMemory() => Free();

    /// <summary>What the memory holds.</summary>
    public MemoryDescriptor Descriptor { get; }

    /// <summary>Start of the memory.</summary>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    public void* Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return _data;
        }
    }

    // A view of a view is as disposed as the memory behind both.
    private bool IsDisposed => _data is null || (_owner?.IsDisposed ?? false);

    /// <summary>Allocates memory and copies <paramref name="values"/> into it in physical order.</summary>
    /// <exception cref="ArgumentException">There are not as many values as the memory has elements, those of padding counted.</exception>
    /// <exception cref="InvalidOperationException"><typeparamref name="T"/> is not as large as an element.</exception>
    public static TensorMemory From<T>(MemoryDescriptor descriptor, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var memory = new TensorMemory(descriptor);
        Span<T> elements = memory.AsSpan<T>();
        if (values.Length != elements.Length)
        {
            memory.Dispose();
            throw new ArgumentException($"{descriptor} has {elements.Length} elements; {values.Length} values are given.", nameof(values));
        }

        values.CopyTo(elements);
        return memory;
    }

    /// <summary>Wraps managed memory without copying; it stays pinned until the tensor is disposed.</summary>
    /// <exception cref="ArgumentException">The memory holds fewer bytes than the descriptor needs.</exception>
    public static TensorMemory Wrap(MemoryDescriptor descriptor, ReadOnlyMemory<byte> memory)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        if (memory.Length < descriptor.SizeInBytes || memory.IsEmpty)
            throw new ArgumentException($"{descriptor} needs {descriptor.SizeInBytes} bytes; {memory.Length} are given.", nameof(memory));
        return new TensorMemory(descriptor, memory.Pin());
    }

    /// <summary>
    /// A part of this memory seen as another tensor, without a copy. The view keeps this memory alive, unless it is
    /// disposed; the view cannot be used from then on.
    /// </summary>
    /// <param name="descriptor">What the part holds.</param>
    /// <param name="byteOffset">Start of the part in bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part reaches beyond this memory.</exception>
    public TensorMemory View(MemoryDescriptor descriptor, long byteOffset = 0)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        if (byteOffset < 0 || byteOffset > Descriptor.SizeInBytes - descriptor.SizeInBytes)
            throw new ArgumentOutOfRangeException(nameof(byteOffset), byteOffset,
                $"{descriptor} takes {descriptor.SizeInBytes} bytes from there on; the memory of {Descriptor} has {Descriptor.SizeInBytes} in all.");
        return new TensorMemory(descriptor, this, byteOffset);
    }

    /// <summary>
    /// The memory as a span, in physical order, padding included. The span does not keep the memory: it must not be used once this
    /// object, or the one it is a view of, is disposed or no longer referenced.
    /// </summary>
    /// <exception cref="InvalidOperationException"><typeparamref name="T"/> has another size than the element type.</exception>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    /// <exception cref="OverflowException">There are more elements than a span can have.</exception>
    public Span<T> AsSpan<T>()
        where T : unmanaged
    {
        if (Descriptor.Packed is null && sizeof(T) != Descriptor.DataType.SizeInBytes())
            throw new InvalidOperationException($"The memory holds {Descriptor.DataType.ToShortName()}, not {typeof(T).Name}.");
        return new Span<T>(Data, checked((int)(Descriptor.SizeInBytes / sizeof(T))));
    }

    /// <summary>The first bytes, in whatever layout.</summary>
    internal ReadOnlySpan<byte> Bytes(int count) => new(Data, count);

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        byte* data = _data;
        _data = null;
        _pin.Dispose();
        if (_ownedBytes == 0 || data is null)
            return;
        ZeroedMemory.Free(data, _ownedBytes);
        GC.RemoveMemoryPressure(_ownedBytes);
    }
}
