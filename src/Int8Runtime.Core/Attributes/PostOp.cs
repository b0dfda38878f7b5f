// Operations that a primitive applies to its result before it is stored.
using System.Collections;
using System.Runtime.CompilerServices;

namespace Int8Runtime;

/// <summary>One operation of a post-op chain, applied in f32 before the destination is quantized.</summary>
public abstract record PostOp
{
    private protected PostOp()
    {
    }

    /// <summary>The largest number of post-ops in one chain.</summary>
    public const int MaximumChainLength = 32;

    /// <summary>Adds the destination's previous content: <c>v + scale·(dst − zeroPoint)</c>.</summary>
    /// <param name="scale">Factor of the previous content.</param>
    /// <param name="zeroPoint">Integer subtracted from the previous content.</param>
    /// <param name="dataType">Type in which the previous content is read; the destination's own type if undefined.</param>
    public static PostOp Sum(float scale = 1, int zeroPoint = 0, DataType dataType = DataType.Undefined) =>
        new SumPostOp(scale, zeroPoint, dataType);

    /// <summary>Applies an element-wise function.</summary>
    public static PostOp Eltwise(EltwiseAlgorithm algorithm, float alpha = 0, float beta = 0) =>
        new EltwisePostOp(algorithm, alpha, beta);

    /// <summary>Rectifier: x if x &gt; 0, else α·x.</summary>
    public static PostOp Relu(float alpha = 0) => new EltwisePostOp(EltwiseAlgorithm.Relu, alpha, 0);

    /// <summary>Limits the value to [low, high].</summary>
    public static PostOp Clip(float low, float high) => new EltwisePostOp(EltwiseAlgorithm.Clip, low, high);

    /// <summary>
    /// Combines the value with a tensor given at execution. The operand has the destination's rank; extents of 1 are
    /// broadcast.
    /// </summary>
    public static PostOp Binary(BinaryAlgorithm algorithm, MemoryDescriptor operand) =>
        new BinaryPostOp(algorithm, operand);

    /// <summary>
    /// Rectifier whose slope is a tensor given at execution: v if v &gt; 0, else slope·v. The slopes have the destination's rank;
    /// extents of 1 are broadcast.
    /// </summary>
    public static PostOp PRelu(MemoryDescriptor slopes) => new PReluPostOp(slopes);

    /// <summary>
    /// Continues a 1×1 convolution with a depthwise convolution of k×k taps, where post-ops before it belong to the first and those
    /// behind it to the second. The primitive's destination, with its scale and zero point, is that of the depthwise convolution: each
    /// spatial extent is that of the 1×1 convolution divided by <paramref name="stride"/> and rounded up. A chain holds at most one.
    /// </summary>
    /// <param name="weights">[O, 1, k, k], given at execution at this post-op's place in the chain.</param>
    /// <param name="stride">Step of the window.</param>
    /// <param name="padding">Padding before the first row and column.</param>
    /// <param name="sourceType">Type to which the value between the two convolutions is rounded and saturated.</param>
    /// <param name="bias">[O], given at execution as <see cref="ArgumentSlot.DepthwiseBias"/>; null for none.</param>
    public static DepthwisePostOp Depthwise(
        MemoryDescriptor weights, int stride, int padding, DataType sourceType, MemoryDescriptor? bias = null) =>
        new(weights, bias, stride, padding, sourceType);
}

/// <summary>Adds the destination's previous content; see <see cref="PostOp.Sum"/>.</summary>
public sealed record SumPostOp(float Scale, int ZeroPoint, DataType DataType) : PostOp;

/// <summary>Applies an element-wise function; see <see cref="PostOp.Eltwise"/>.</summary>
public sealed record EltwisePostOp(EltwiseAlgorithm Algorithm, float Alpha, float Beta) : PostOp;

/// <summary>A post-op with a tensor of its own, which is given at execution.</summary>
/// <param name="Operand">The tensor, of the destination's rank; extents of 1 are broadcast.</param>
public abstract record OperandPostOp(MemoryDescriptor Operand) : PostOp;

/// <summary>Combines the value with a tensor; see <see cref="PostOp.Binary"/>.</summary>
public sealed record BinaryPostOp(BinaryAlgorithm Algorithm, MemoryDescriptor Operand) : OperandPostOp(Operand);

/// <summary>Rectifier with a tensor of slopes; see <see cref="PostOp.PRelu"/>.</summary>
public sealed record PReluPostOp(MemoryDescriptor Operand) : OperandPostOp(Operand);

/// <summary>A list of post-ops in the order in which they are applied. Compares by value.</summary>
[CollectionBuilder(typeof(PostOpChain), nameof(Create))]
public sealed class PostOpChain : IReadOnlyList<PostOp>, IEquatable<PostOpChain>
{
    private readonly PostOp[] _items;

    private PostOpChain(PostOp[] items) => _items = items;

    /// <summary>The chain without any post-op.</summary>
    public static PostOpChain Empty { get; } = new([]);

    /// <summary>Number of post-ops.</summary>
    public int Count => _items.Length;

    /// <summary>The post-op at <paramref name="index"/>.</summary>
    public PostOp this[int index] => _items[index];

    /// <summary>Builds a chain.</summary>
    /// <exception cref="ArgumentException">More than <see cref="PostOp.MaximumChainLength"/> post-ops, or one is null.</exception>
    public static PostOpChain Create(ReadOnlySpan<PostOp> items)
    {
        if (items.Length > PostOp.MaximumChainLength)
            throw new ArgumentException(
                $"A chain holds at most {PostOp.MaximumChainLength} post-ops; {items.Length} given.", nameof(items));
        for (int i = 0; i < items.Length; i++)
            if (items[i] is null)
                throw new ArgumentException($"Post-op {i} is null.", nameof(items));
        return new PostOpChain(items.ToArray());
    }

    /// <summary>This chain with one more post-op at its end.</summary>
    public PostOpChain Append(PostOp item) => Create([.. _items, item]);

    /// <inheritdoc/>
    public bool Equals(PostOpChain? other) => other is not null && _items.AsSpan().SequenceEqual(other._items);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as PostOpChain);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (PostOp item in _items)
            hash.Add(item);
        return hash.ToHashCode();
    }

    /// <summary>The chain as problem text, for example <c>sum:0.5+relu</c>.</summary>
    public override string ToString() => AttributeNotation.Text(new ProblemWriter(), this);

    /// <inheritdoc/>
    public IEnumerator<PostOp> GetEnumerator() => ((IEnumerable<PostOp>)_items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _items.GetEnumerator();
}
