// What a block of memory means: dimensions, element type and the place of each element.
using System.Collections.Immutable;
using System.Text;

namespace Int8Runtime;

/// <summary>
/// Describes a tensor in memory. Strides and inner blocks are the truth; a <see cref="FormatTag"/> is only a way to write
/// them. Element <c>i</c> lies at <c>Offset + Σ (i_d / B_d)·Strides[d] + inner</c> elements, where <c>B_d</c> is the
/// product of the inner blocks of dimension <c>d</c>. Compares by value.
/// </summary>
public sealed class MemoryDescriptor : IEquatable<MemoryDescriptor>
{
    private enum Form : byte
    {
        Strided,
        Any,
        Packed,
    }

    private readonly Form _form;

    private MemoryDescriptor(
        Form form, Shape dimensions, Shape paddedDimensions, DataType dataType, ImmutableArray<long> strides,
        ImmutableArray<InnerBlock> innerBlocks, long offset, PackedLayout? packed)
    {
        if (dataType == DataType.Undefined)
            throw new ArgumentException("A memory descriptor needs a data type.", nameof(dataType));
        foreach (int extent in dimensions.Span)
            ArgumentOutOfRangeException.ThrowIfNegative(extent, nameof(dimensions));
        _form = form;
        Dimensions = dimensions;
        PaddedDimensions = paddedDimensions;
        DataType = dataType;
        Strides = strides;
        InnerBlocks = innerBlocks;
        Offset = offset;
        Packed = packed;
    }

    /// <summary>Describes a dense row-major tensor.</summary>
    public MemoryDescriptor(Shape dimensions, DataType dataType)
        : this(Form.Strided, dimensions, dimensions, dataType, DenseStrides(dimensions, null), [], 0, null)
    {
    }

    /// <summary>Describes a dense tensor in the layout <paramref name="tag"/>.</summary>
    /// <exception cref="ArgumentException">The tag has another rank than <paramref name="dimensions"/>.</exception>
    public MemoryDescriptor(Shape dimensions, DataType dataType, FormatTag tag)
        : this(Form.Strided, dimensions, Pad(dimensions, tag), dataType, DenseStrides(dimensions, tag), tag.InnerBlocks, 0, null)
    {
    }

    /// <summary>Logical dimensions.</summary>
    public Shape Dimensions { get; }

    /// <summary>Dimensions rounded up to whole inner blocks; the excess holds zeros.</summary>
    public Shape PaddedDimensions { get; }

    /// <summary>Element type.</summary>
    public DataType DataType { get; }

    /// <summary>Stride of each (outer) dimension in elements; empty unless <see cref="IsStrided"/>.</summary>
    public ImmutableArray<long> Strides { get; }

    /// <summary>Inner blocks from the outermost to the innermost.</summary>
    public ImmutableArray<InnerBlock> InnerBlocks { get; }

    /// <summary>Elements before the first one.</summary>
    public long Offset { get; }

    /// <summary>The opaque layout an implementation chose for its weights; null for strided memory.</summary>
    public PackedLayout? Packed { get; }

    /// <summary>True where the implementation may choose the layout.</summary>
    public bool IsAny => _form == Form.Any;

    /// <summary>True for strides and inner blocks, false for <see cref="IsAny"/> and <see cref="Packed"/>.</summary>
    public bool IsStrided => _form == Form.Strided;

    /// <summary>Number of dimensions.</summary>
    public int Rank => Dimensions.Rank;

    /// <summary>Number of logical elements.</summary>
    public long ElementCount => Dimensions.ElementCount;

    /// <summary>Bytes from the start of the memory to the end of its last element.</summary>
    /// <exception cref="InvalidOperationException">The layout is not chosen yet.</exception>
    /// <exception cref="OverflowException">The size does not fit into 64 bits.</exception>
    public long SizeInBytes
    {
        get
        {
            if (Packed is not null)
                return Packed.SizeInBytes;
            if (IsAny)
                throw new InvalidOperationException("The layout is not chosen yet; ask the primitive for its descriptor.");
            if (ElementCount == 0)
                return 0;
            checked
            {
                long innerElements = 1;
                foreach (InnerBlock block in InnerBlocks)
                    innerElements *= block.Size;
                long end = Offset + innerElements;
                for (int d = 0; d < Rank; d++)
                    end += ((PaddedDimensions[d] / BlockOf(d)) - 1) * Math.Max(Strides[d], 0);   // backwards, the first index is the last element
                return end * DataType.SizeInBytes();
            }
        }
    }

    /// <summary>True if the elements fill the memory without gaps, in any order of dimensions.</summary>
    public bool IsDense => IsStrided && Offset == 0
        && SizeInBytes == PaddedDimensions.ElementCount * DataType.SizeInBytes();

    /// <summary>Leaves the layout to the implementation.</summary>
    public static MemoryDescriptor Any(Shape dimensions, DataType dataType) =>
        new(Form.Any, dimensions, dimensions, dataType, [], [], 0, null);

    /// <summary>Describes memory by explicit strides (in elements), for example a part of a larger tensor.</summary>
    /// <exception cref="ArgumentException">
    /// The number of strides differs from the number of dimensions, or an element lies before the start of the memory.
    /// </exception>
    public static MemoryDescriptor Strided(
        Shape dimensions, DataType dataType, ReadOnlySpan<long> strides, long offset = 0)
    {
        if (strides.Length != dimensions.Rank)
            throw new ArgumentException($"{strides.Length} strides given for {dimensions.Rank} dimensions.", nameof(strides));
        long lowest = offset;
        for (int d = 0; d < strides.Length && lowest >= 0; d++)
        {
            if (strides[d] < 0 && dimensions[d] > 1) // divided, since the product may leave 64 bits
                lowest = strides[d] < -(lowest / (dimensions[d] - 1)) ? -1 : lowest + (strides[d] * (dimensions[d] - 1));
        }

        if (lowest < 0 && dimensions.ElementCount > 0)
            throw new ArgumentException(
                $"The strides {string.Join('_', strides.ToArray())} with offset {offset} reach before the memory.",
                nameof(strides));
        return new MemoryDescriptor(Form.Strided, dimensions, dimensions, dataType, [.. strides], [], offset, null);
    }

    /// <summary>Describes memory in a layout that only its implementation understands.</summary>
    internal static MemoryDescriptor ForPacked(Shape dimensions, DataType dataType, PackedLayout layout) =>
        new(Form.Packed, dimensions, dimensions, dataType, [], [], 0, layout);

    /// <summary>The product of the inner blocks of a dimension; 1 where it is not blocked.</summary>
    public int BlockOf(int dimension)
    {
        int product = 1;
        foreach (InnerBlock block in InnerBlocks)
            if (block.Dimension == dimension)
                product *= block.Size;
        return product;
    }

    /// <summary>The place of an element, in elements from the start of the memory.</summary>
    /// <param name="index">One index for each logical dimension.</param>
    public long OffsetOf(ReadOnlySpan<int> index)
    {
        long offset = Offset;
        if (InnerBlocks.IsEmpty)
        {
            for (int d = 0; d < index.Length; d++)
                offset += index[d] * Strides[d];
            return offset;
        }

        Span<int> rest = stackalloc int[index.Length];
        for (int d = 0; d < index.Length; d++)
        {
            int block = BlockOf(d);
            offset += index[d] / block * Strides[d];
            rest[d] = index[d] % block;
        }

        // From the innermost block outwards: each block takes the low part of what is left of its dimension's index.
        long scale = 1;
        for (int b = InnerBlocks.Length - 1; b >= 0; b--)
        {
            (int dimension, int size) = InnerBlocks[b];
            offset += rest[dimension] % size * scale;
            rest[dimension] /= size;
            scale *= size;
        }

        return offset;
    }

    /// <summary>The same layout with another element type.</summary>
    public MemoryDescriptor WithDataType(DataType dataType) =>
        new(_form, Dimensions, PaddedDimensions, dataType, Strides, InnerBlocks, Offset, Packed);

    /// <summary>The part that starts at <paramref name="start"/> and has <paramref name="dimensions"/>; strides stay.</summary>
    /// <exception cref="InvalidOperationException">The memory is blocked or opaque.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The part reaches beyond the tensor.</exception>
    public MemoryDescriptor Slice(ReadOnlySpan<int> start, Shape dimensions)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(start.Length, Rank, nameof(start));
        ArgumentOutOfRangeException.ThrowIfNotEqual(dimensions.Rank, Rank, nameof(dimensions));
        for (int d = 0; d < Rank; d++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(start[d], nameof(start));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(dimensions[d], Dimensions[d] - start[d], nameof(dimensions));
        }

        return SliceAt(start, dimensions);
    }

    /// <summary>
    /// Every <paramref name="steps"/>th element from <paramref name="start"/> on; a negative step walks backwards.
    /// </summary>
    /// <exception cref="InvalidOperationException">The memory is blocked or opaque.</exception>
    internal MemoryDescriptor Slice(ReadOnlySpan<int> start, ReadOnlySpan<int> steps, Shape dimensions)
    {
        MemoryDescriptor part = SliceAt(start, dimensions);
        var strides = new long[Rank];
        for (int d = 0; d < Rank; d++)
            strides[d] = Strides[d] * steps[d];
        return Strided(dimensions, DataType, strides, part.Offset);
    }

    private MemoryDescriptor SliceAt(ReadOnlySpan<int> start, Shape dimensions) => IsStrided && InnerBlocks.IsEmpty
        ? new MemoryDescriptor(Form.Strided, dimensions, dimensions, DataType, Strides, InnerBlocks, OffsetOf(start), null)
        : throw new InvalidOperationException("Only strided memory without inner blocks can be sliced.");

    /// <summary>
    /// The same memory with its first two dimensions as one, as groups of output channels are; null where no stride and blocks of a single
    /// dimension describe them, or the memory is not strided.
    /// </summary>
    internal MemoryDescriptor? JoinFirstDimensions()
    {
        if (!IsStrided || Rank < 2)
            return null;
        int outer = Dimensions[0], inner = Dimensions[1], block = BlockOf(1);
        bool keepsOuter = inner == 1 && block == 1;
        bool isEven = BlockOf(0) == 1 && inner % block == 0 && (outer == 1 || Strides[0] == Strides[1] * (inner / block));
        if (!keepsOuter && !isEven)
            return null;
        int padded = keepsOuter ? PaddedDimensions[0] : outer * inner;
        return new MemoryDescriptor(
            Form.Strided, [outer * inner, .. Dimensions.Skip(2)], [padded, .. PaddedDimensions.Skip(2)], DataType,
            [Strides[keepsOuter ? 0 : 1], .. Strides.Skip(2)],
            [.. InnerBlocks.Select(b => new InnerBlock(Math.Max(0, b.Dimension - 1), b.Size))], Offset, null);
    }

    /// <summary>The same memory with its dimensions in another order, as a transposed view.</summary>
    /// <param name="order">For each new dimension the old one it shows.</param>
    /// <exception cref="InvalidOperationException">The memory is blocked or opaque.</exception>
    public MemoryDescriptor Permute(ReadOnlySpan<int> order)
    {
        if (!IsStrided || !InnerBlocks.IsEmpty)
            throw new InvalidOperationException("Only strided memory without inner blocks can be permuted.");
        var dimensions = new int[order.Length];
        var strides = new long[order.Length];
        for (int d = 0; d < order.Length; d++)
        {
            dimensions[d] = Dimensions[order[d]];
            strides[d] = Strides[order[d]];
        }

        return Strided(dimensions, DataType, strides, Offset);
    }

    /// <summary>
    /// True if the memory has exactly the layout of <paramref name="tag"/> without gaps; strides of extent 1 do not count.
    /// </summary>
    public bool HasLayout(FormatTag tag)
    {
        ArgumentNullException.ThrowIfNull(tag);
        if (!IsStrided || tag.Rank != Rank || !InnerBlocks.AsSpan().SequenceEqual(tag.InnerBlocks.AsSpan()))
            return false;
        ImmutableArray<long> dense = DenseStrides(Dimensions, tag);
        for (int d = 0; d < Rank; d++)
            if (PaddedDimensions[d] / BlockOf(d) > 1 && Strides[d] != dense[d])
                return false;
        return true;
    }

    /// <inheritdoc/>
    public bool Equals(MemoryDescriptor? other) => other is not null && _form == other._form
        && DataType == other.DataType && Offset == other.Offset && Dimensions == other.Dimensions
        && PaddedDimensions == other.PaddedDimensions && Strides.AsSpan().SequenceEqual(other.Strides.AsSpan())
        && InnerBlocks.AsSpan().SequenceEqual(other.InnerBlocks.AsSpan()) && Equals(Packed, other.Packed);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as MemoryDescriptor);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add((byte)_form);      // enums would be boxed until the code is optimized
        hash.Add((byte)DataType);
        hash.Add(Dimensions);
        foreach (long stride in Strides)
            hash.Add(stride);
        foreach (InnerBlock block in InnerBlocks)
            hash.Add(block);
        hash.Add(Packed);
        return hash.ToHashCode();
    }

    /// <summary>Type, layout and dimensions, for example <c>u8:acdb:1x64x56x56</c>.</summary>
    public override string ToString() => $"{DataType.ToShortName()}:{LayoutText()}:{Dimensions}";

    /// <summary>The layout alone as text, for example <c>acdb</c>; explicit strides follow where there are gaps.</summary>
    public string LayoutText()
    {
        if (IsAny)
            return "any";
        if (Packed is not null)
            return Packed.Name;
        int[] order = [.. Enumerable.Range(0, Rank)];
        Array.Sort(order, (a, b) => Strides[a] != Strides[b] ? Strides[b].CompareTo(Strides[a]) : a - b);
        var text = new StringBuilder();
        foreach (int d in order)
            text.Append((char)((BlockOf(d) > 1 ? 'A' : 'a') + d));
        foreach (InnerBlock block in InnerBlocks)
            text.Append(block.Size).Append((char)('a' + block.Dimension));
        return IsDense ? text.ToString() : $"{text}*{string.Join('_', Strides)}";
    }

    private static Shape Pad(Shape dimensions, FormatTag tag)
    {
        if (tag.Rank != dimensions.Rank)
            throw new ArgumentException(
                $"Layout '{tag}' has {tag.Rank} dimensions; the tensor {dimensions} has {dimensions.Rank}.");
        int[] padded = dimensions.ToArray();
        for (int d = 0; d < padded.Length; d++)
        {
            int block = BlockOf(tag.InnerBlocks, d);
            padded[d] = checked((padded[d] + block - 1) / block * block);
        }

        return padded;
    }

    private static ImmutableArray<long> DenseStrides(Shape dimensions, FormatTag? tag)
    {
        ImmutableArray<InnerBlock> blocks = tag?.InnerBlocks ?? [];
        Shape padded = tag is null ? dimensions : Pad(dimensions, tag);
        var strides = new long[dimensions.Rank];
        long stride = 1;
        foreach (InnerBlock block in blocks)
            stride *= block.Size;
        for (int i = dimensions.Rank - 1; i >= 0; i--)
        {
            int dimension = tag?.OuterOrder[i] ?? i;
            strides[dimension] = stride;
            stride = checked(stride * Math.Max(1, padded[dimension] / BlockOf(blocks, dimension)));
        }

        return [.. strides];
    }

    private static int BlockOf(ImmutableArray<InnerBlock> blocks, int dimension)
    {
        int product = 1;
        foreach (InnerBlock block in blocks)
            if (block.Dimension == dimension)
                product *= block.Size;
        return product;
    }
}
