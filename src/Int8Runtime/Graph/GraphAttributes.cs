// The attributes of a node: named values of the seven kinds that a tensor graph needs, with typed getters.
using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Int8Runtime.Graph;

/// <summary>Named attributes of a node. A value is a <see cref="long"/>, <see cref="float"/>, <see cref="string"/>,
/// <see cref="TensorData"/>, or an array of the first three; arrays must not be changed after they are set.</summary>
public sealed class GraphAttributes : IEnumerable<KeyValuePair<string, object>>
{
    private readonly SortedDictionary<string, object> _values = new(StringComparer.Ordinal);

    /// <summary>Creates an empty set.</summary>
    /// <param name="owner">What the attributes belong to; opens the messages of exceptions.</param>
    public GraphAttributes(string owner = "Node") => Owner = owner;

    /// <summary>What the attributes belong to.</summary>
    public string Owner { get; }

    /// <summary>The number of attributes.</summary>
    public int Count => _values.Count;

    /// <summary>Whether the attribute is present.</summary>
    public bool Contains(string name) => _values.ContainsKey(name);

    /// <summary>Sets or replaces an attribute. Also the target of collection initialisers.</summary>
    public void Add(string name, object value) => _values[name] = value switch
    {
        long or float or string or TensorData or long[] or float[] or string[] => value,
        int integer => (long)integer,
        bool flag => flag ? 1L : 0L,
        double real => (float)real,
        int[] integers => Array.ConvertAll(integers, i => (long)i),
        _ => throw new ArgumentException($"Attribute '{name}': {value.GetType().Name} is not an attribute kind.", nameof(value)),
    };

    /// <summary>Removes an attribute if present.</summary>
    public bool Remove(string name) => _values.Remove(name);

    /// <summary>An integer attribute, or the default where absent.</summary>
    /// <exception cref="ModelFormatException">The attribute is of another kind.</exception>
    public long GetInteger(string name, long defaultValue = 0) => TryGet(name, out long value) ? value : defaultValue;

    /// <summary>An integer attribute as a 32-bit integer.</summary>
    /// <exception cref="ModelFormatException">The attribute is of another kind or out of range.</exception>
    public int GetInt32(string name, int defaultValue = 0)
    {
        long value = GetInteger(name, defaultValue);
        return value is >= int.MinValue and <= int.MaxValue
            ? (int)value
            : throw new ModelFormatException($"{Owner}: attribute '{name}' is {value}, which is out of range.");
    }

    /// <summary>An integer attribute read as true or false.</summary>
    public bool GetBoolean(string name, bool defaultValue = false) => GetInteger(name, defaultValue ? 1 : 0) != 0;

    /// <summary>A real attribute, or the default where absent.</summary>
    public float GetSingle(string name, float defaultValue = 0) => TryGet(name, out float value) ? value : defaultValue;

    /// <summary>A text attribute, or the default where absent.</summary>
    [return: NotNullIfNotNull(nameof(defaultValue))]
    public string? GetString(string name, string? defaultValue = null) => TryGet(name, out string? value)
        ? value
        : defaultValue;

    /// <summary>A list of integers, or null where absent.</summary>
    public long[]? GetIntegers(string name) => TryGet(name, out long[]? value) ? value : null;

    /// <summary>A list of integers as 32-bit integers, or null where absent.</summary>
    /// <exception cref="ModelFormatException">An element is out of range.</exception>
    public int[]? GetInt32s(string name) => GetIntegers(name) is not { } values
        ? null
        : Array.ConvertAll(values, value =>
        value is >= int.MinValue and <= int.MaxValue
            ? (int)value
            : throw new ModelFormatException($"{Owner}: attribute '{name}' holds {value}, which is out of range."));

    /// <summary>A list of real numbers, or null where absent.</summary>
    public float[]? GetSingles(string name) => TryGet(name, out float[]? value) ? value : null;

    /// <summary>A tensor, or null where absent.</summary>
    public TensorData? GetTensor(string name) => TryGet(name, out TensorData? value) ? value : null;

    /// <summary>The attributes, sorted by name.</summary>
    public IEnumerator<KeyValuePair<string, object>> GetEnumerator() => _values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal bool ContentEquals(GraphAttributes other) =>
        Count == other.Count
            && _values.All(pair => other._values.TryGetValue(pair.Key, out object? value) && ValueEquals(pair.Value, value));

    internal void CopyTo(GraphAttributes target)
    {
        foreach ((string name, object value) in _values)
            target.Add(name, value);
    }

    private static bool ValueEquals(object left, object right) => (left, right) switch
    {
        (long[] a, long[] b) => a.AsSpan().SequenceEqual(b),
        (float[] a, float[] b) => a.AsSpan().SequenceEqual(b),
        (string[] a, string[] b) => a.AsSpan().SequenceEqual(b),
        (TensorData a, TensorData b) => a.ContentEquals(b),
        _ => left.Equals(right),
    };

    private bool TryGet<T>(string name, [MaybeNullWhen(false)] out T value)
    {
        value = default;
        if (!_values.TryGetValue(name, out object? stored))
            return false;
        if (stored is T typed)
        {
            value = typed;
            return true;
        }
        if (stored is Array { Length: 0 } && (typeof(T) == typeof(long[]) || typeof(T) == typeof(float[])))   // an empty list has lost its kind in the file
        {
            value = (T)(object)(typeof(T) == typeof(long[]) ? Array.Empty<long>() : Array.Empty<float>());
            return true;
        }
        throw new ModelFormatException(
            $"{Owner}: attribute '{name}' holds {stored.GetType().Name} where {typeof(T).Name} is expected.");
    }
}
