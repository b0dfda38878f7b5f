// A constant or host-side tensor: element type, shape and row-major little-endian bytes. Immutable once built.
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Int8Runtime.Graph;

/// <summary>A dense row-major tensor in managed memory: constants of a graph, and operands of host operators.</summary>
public sealed class TensorData
{
    /// <summary>The most elements that a tensor may have: those of an array of 64-bit integers.</summary>
    public const int MaximumElements = 0x7fffffc7 / sizeof(long); // Array.MaxLength

    private readonly Lazy<ReadOnlyMemory<byte>>? _later;
    private readonly Nibbles? _nibbles;
    private readonly ReadOnlyMemory<byte> _bytes;

    /// <summary>Wraps bytes without a copy; the caller must not change them afterwards.</summary>
    /// <exception cref="ModelFormatException">The number of bytes is not that of the shape, or the shape is too
    /// large.</exception>
    public TensorData(DataType elementType, Shape shape, ReadOnlyMemory<byte> bytes)
    {
        long expected = (long)CountElements(shape) * elementType.SizeInBytes();
        if (bytes.Length != expected)
        {
            throw new ModelFormatException(
                $"A {elementType} tensor of shape {FormatShape(shape)} needs {expected} bytes, but {bytes.Length} are "
                + "given.");
        }
        ElementType = elementType;
        Shape = shape;
        _bytes = bytes;
        ElementCount = CountElements(shape);
    }

    private TensorData(DataType elementType, Shape shape, Lazy<ReadOnlyMemory<byte>> later)
    {
        (ElementType, Shape, _later) = (elementType, shape, later);
        ElementCount = CountElements(shape);
    }

    private TensorData(DataType elementType, Shape shape, Nibbles nibbles)
    {
        (ElementType, Shape, _nibbles) = (elementType, shape, nibbles);
        ElementCount = CountElements(shape);
    }

    /// <summary>The element type.</summary>
    public DataType ElementType { get; }

    /// <summary>The extents, outermost first; empty for a scalar.</summary>
    public Shape Shape { get; }

    /// <summary>The number of dimensions.</summary>
    public int Rank => Shape.Rank;

    /// <summary>The number of elements.</summary>
    public int ElementCount { get; }

    /// <summary>The number of bytes.</summary>
    internal int ByteCount => ElementCount * ElementType.SizeInBytes();

    /// <summary>Whether two elements share a byte of memory, so that each fits in 4 bits; <see cref="Bytes"/> unpacks them.</summary>
    internal bool HoldsNibbles => _nibbles is not null;

    /// <summary>The elements as files hold them: as <see cref="Bytes"/>, but those of 4 bits two in a byte, the first in the low half.</summary>
    internal ReadOnlyMemory<byte> StoredBytes =>
        !ElementType.IsInt4() ? Bytes : _nibbles?.Packed ?? Nibbles.Pack(Bytes.Span);

    /// <summary>The elements as they lie in memory: as <see cref="Bytes"/>, but two in a byte where the tensor <see cref="HoldsNibbles"/>.</summary>
    internal ReadOnlyMemory<byte> HeldBytes => _nibbles?.Packed ?? Bytes;

    /// <summary>The elements as bytes, row-major, little-endian; those of 4 bits take a byte each.</summary>
    public ReadOnlyMemory<byte> Bytes => _nibbles?.Unpack() ?? (_later is { } later ? later.Value : _bytes);

    /// <summary>Allocates a zeroed tensor and hands out its elements for filling.</summary>
    /// <typeparam name="T">The storage type of the elements, see <see cref="AsSpan{T}"/>.</typeparam>
    /// <exception cref="ModelFormatException">The shape is too large.</exception>
    public static TensorData Allocate<T>(DataType elementType, Shape shape, out Span<T> elements)
        where T : unmanaged
    {
        CheckStorage<T>(elementType);
        byte[] bytes = new byte[checked(CountElements(shape) * elementType.SizeInBytes())];
        elements = MemoryMarshal.Cast<byte, T>(bytes.AsSpan());
        return new TensorData(elementType, shape, bytes);
    }

    /// <summary>A tensor that is computed when its content is first asked for, which may be never, or on another thread.</summary>
    /// <param name="elementType">The element type.</param>
    /// <param name="shape">The extents.</param>
    /// <param name="compute">Gives a tensor of this type and shape.</param>
    internal static TensorData Defer(DataType elementType, Shape shape, Func<TensorData> compute) =>
        new(elementType, shape, new Lazy<ReadOnlyMemory<byte>>(() => compute().Bytes));

    /// <summary>A tensor of u4 or s4 that keeps two elements in a byte, the first in the low half.</summary>
    /// <exception cref="ModelFormatException">The number of bytes is not that of the shape.</exception>
    internal static TensorData OfNibbles(DataType elementType, Shape shape, ReadOnlyMemory<byte> packed)
    {
        int count = CountElements(shape);
        return packed.Length == Nibbles.BytesOf(count)
            ? new(elementType, shape, new Nibbles(packed, count, elementType == DataType.Int4))
            : throw new ModelFormatException(
                $"A {elementType} tensor of shape {FormatShape(shape)} needs {Nibbles.BytesOf(count)} bytes, but {packed.Length} are given.");
    }

    /// <summary>The same elements, those of u4 or s4 two in a byte: half of the memory, where few read them as bytes.</summary>
    public TensorData Packed() =>
        ElementType.IsInt4() && !HoldsNibbles ? OfNibbles(ElementType, Shape, Nibbles.Pack(Bytes.Span)) : this;

    /// <summary>Integers of at most 8 bits as u8 or s8, in the same memory.</summary>
    internal TensorData AsInt8()
    {
        DataType type = ElementType is DataType.Int8 or DataType.Int4 or DataType.Int2 ? DataType.Int8 : DataType.UInt8;
        return _nibbles is { } nibbles ? new(type, Shape, nibbles) : new(type, Shape, Bytes);
    }

    /// <summary>Elements that share bytes as u4 or s4, in the same memory; the tensor itself where they share none.</summary>
    internal TensorData AsInt4() => _nibbles is { } nibbles
        ? new(ElementType is DataType.Int8 or DataType.Int4 ? DataType.Int4 : DataType.UInt4, Shape, nibbles) : this;

    /// <summary>Copies the bytes of all elements.</summary>
    internal void CopyTo(Span<byte> bytes)
    {
        if (_nibbles is { } nibbles)
            nibbles.CopyTo(bytes);
        else
            Bytes.Span.CopyTo(bytes);
    }

    /// <summary>Copies values into a tensor of the element type that belongs to <typeparamref name="T"/>.</summary>
    public static TensorData Create<T>(ReadOnlySpan<T> values, Shape shape) where T : unmanaged
    {
        if (CountElements(shape) != values.Length)
            throw new ArgumentException($"{values.Length} values do not fill the shape {FormatShape(shape)}.", nameof(values));
        TensorData tensor = Allocate(TypeOf<T>(), shape, out Span<T> elements);
        values.CopyTo(elements);
        return tensor;
    }

    /// <summary>Copies values into a one-dimensional tensor.</summary>
    public static TensorData Vector<T>(params ReadOnlySpan<T> values) where T : unmanaged => Create(values, [values.Length]);

    /// <summary>A tensor of rank 0.</summary>
    public static TensorData Scalar<T>(T value) where T : unmanaged => Create<T>([value], []);

    /// <summary>The elements. The storage type is the C# type of the element type; <see cref="byte"/> also reads Boolean, floating
    /// point of at most 8 bits and narrower unsigned integers, <see cref="sbyte"/> narrower signed integers,
    /// <see cref="ushort"/> BFloat16 and Float16.</summary>
    /// <exception cref="InvalidOperationException"><typeparamref name="T"/> does not fit the element type.</exception>
    public ReadOnlySpan<T> AsSpan<T>() where T : unmanaged
    {
        CheckStorage<T>(ElementType);
        return MemoryMarshal.Cast<byte, T>(Bytes.Span);
    }

    /// <summary>The same elements under another shape of as many elements, without a copy.</summary>
    public TensorData Reshaped(Shape shape) => CountElements(shape) != ElementCount ? new(ElementType, shape, Bytes)
        : _nibbles is { } nibbles ? new(ElementType, shape, nibbles)
        : _later is { } later ? new(ElementType, shape, later)
        : new(ElementType, shape, Bytes);

    /// <summary>Whether element type, shape and bytes are equal.</summary>
    public bool ContentEquals([NotNullWhen(true)] TensorData? other) => other is not null
        && (ReferenceEquals(this, other)
            || (ElementType == other.ElementType && Shape.Equals(other.Shape) && Bytes.Span.SequenceEqual(other.Bytes.Span)));

    /// <summary>Element type and shape, for example <c>Float32[64x3x7x7]</c>.</summary>
    public override string ToString() => $"{ElementType}[{FormatShape(Shape)}]";

    /// <summary>The number of elements of a shape.</summary>
    /// <exception cref="ModelFormatException">A dimension is negative, or the product does not fit an
    /// array.</exception>
    public static int CountElements(Shape shape)
    {
        long count = 1;
        bool empty = false;
        foreach (int extent in shape.Span)
        {
            if (extent < 0)
                throw new ModelFormatException($"The shape {FormatShape(shape)} has a negative dimension.");
            empty |= extent == 0;
            count = Math.Min(count * Math.Max(extent, 1), int.MaxValue);   // saturates instead of overflowing
        }
        if (empty)
            return 0;
        return count <= MaximumElements
            ? (int)count
            : throw new ModelFormatException($"A tensor of shape {FormatShape(shape)} is too large: at most {MaximumElements} elements fit.");
    }

    internal static string FormatShape(Shape shape) => shape.Rank == 0 ? "scalar" : shape.ToString();

    internal static DataType TypeOf<T>() where T : unmanaged => default(T) switch
    {
        float => DataType.Float32,
        double => DataType.Float64,
        Half => DataType.Float16,
        sbyte => DataType.Int8,
        byte => DataType.UInt8,
        short => DataType.Int16,
        ushort => DataType.UInt16,
        int => DataType.Int32,
        long => DataType.Int64,
        uint => DataType.UInt32,
        ulong => DataType.UInt64,
        bool => DataType.Boolean,
        _ => throw new InvalidOperationException($"{typeof(T)} is not the storage type of an element type."),
    };

    private static void CheckStorage<T>(DataType elementType, [CallerMemberName] string caller = "") where T : unmanaged
    {
        DataType natural = TypeOf<T>();
        bool fits = natural == elementType
            || (natural == DataType.UInt8 && elementType.SizeInBytes() == 1
                && elementType is not (DataType.Int8 or DataType.Int4 or DataType.Int2))
            || (natural == DataType.Int8 && elementType is DataType.Int4 or DataType.Int2)
            || (natural == DataType.UInt16 && elementType is DataType.BFloat16 or DataType.Float16);
        if (!fits)
            throw new InvalidOperationException(
                $"{caller}: elements of type {elementType} cannot be viewed as {typeof(T).Name}.");
    }
}
