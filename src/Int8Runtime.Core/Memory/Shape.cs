// A short list of extents with value equality: dimensions, strides of windows, paddings.
using System.Collections;
using System.Runtime.CompilerServices;

namespace Int8Runtime;

/// <summary>An immutable list of integers that compares by value, such as the dimensions of a tensor.</summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>, IReadOnlyList<int>
{
    private readonly int[]? _values;

    private Shape(int[] values) => _values = values;

    /// <summary>Copies <paramref name="values"/> into a new shape.</summary>
    public static Shape Create(ReadOnlySpan<int> values) => new(values.ToArray());

    /// <summary>A shape of <paramref name="rank"/> equal entries.</summary>
    public static Shape Filled(int rank, int value)
    {
        var values = new int[rank];
        values.AsSpan().Fill(value);
        return new Shape(values);
    }

    /// <summary>Number of entries.</summary>
    public int Count => _values?.Length ?? 0;

    /// <summary>Number of entries, as a tensor's rank.</summary>
    public int Rank => Count;

    /// <summary>The entry at <paramref name="index"/>; <c>^1</c> style indices work.</summary>
    public int this[int index] => Span[index];

    /// <summary>The entries.</summary>
    public ReadOnlySpan<int> Span => _values;

    /// <summary>The product of the entries (1 for a scalar).</summary>
    /// <exception cref="OverflowException">The product does not fit into 64 bits.</exception>
    public long ElementCount
    {
        get
        {
            long product = 1;
            foreach (int value in Span)
                product = checked(product * value);
            return product;
        }
    }

    /// <summary>A copy in which the entry at <paramref name="index"/> is <paramref name="value"/>.</summary>
    public Shape With(int index, int value)
    {
        int[] values = ToArray();
        values[index] = value;
        return new Shape(values);
    }

    /// <summary>The entries as a new array.</summary>
    public int[] ToArray() => Span.ToArray();

    /// <summary>A part of the shape, so that range expressions work.</summary>
    public Shape Slice(int start, int length) => Create(Span.Slice(start, length));

    /// <inheritdoc/>
    public bool Equals(Shape other) => Span.SequenceEqual(other.Span);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (int value in Span)
            hash.Add(value);
        return hash.ToHashCode();
    }

    /// <summary>Value equality.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Value inequality.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>Copies an array into a shape.</summary>
    public static implicit operator Shape(int[] values) => Create(values);

    /// <summary>The entries joined by <c>x</c>, for example <c>1x64x56x56</c>.</summary>
    public override string ToString() => string.Join('x', _values ?? []);

    IEnumerator<int> IEnumerable<int>.GetEnumerator() => ((IEnumerable<int>)(_values ?? [])).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => (_values ?? []).GetEnumerator();
}
