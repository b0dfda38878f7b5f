// A list inside a kernel spec, compared by value.
namespace Int8Runtime.X64;

/// <summary>An immutable list that compares by value, so that specs which contain it can key the kernel cache.</summary>
internal sealed class ValueList<T>(params ReadOnlySpan<T> items) : IEquatable<ValueList<T>>
    where T : IEquatable<T>
{
    private readonly T[] _items = items.ToArray();

    /// <summary>Number of items.</summary>
    public int Count => _items.Length;

    /// <summary>The items.</summary>
    public ReadOnlySpan<T> Span => _items;

    /// <summary>The item at <paramref name="index"/>.</summary>
    public T this[int index] => _items[index];

    /// <inheritdoc/>
    public bool Equals(ValueList<T>? other) => other is not null && Span.SequenceEqual(other.Span);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ValueList<T>);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (T item in _items)
            hash.Add(item);
        return hash.ToHashCode();
    }

    /// <summary>The items joined by <c>_</c>, as part of a kernel's name.</summary>
    public override string ToString() => string.Join('_', _items);
}
