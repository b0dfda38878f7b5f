// Zero points of quantized tensors: constants, or given at execution.
namespace Int8Runtime;

/// <summary>The integer that stands for the real number 0. Compares by value.</summary>
public sealed class ZeroPoint : IEquatable<ZeroPoint>
{
    // Groups may have millions of them.
    private const int HashedValues = 64;

    private readonly int[] _values;

    private ZeroPoint(QuantizationGranularity granularity, int[] values, bool isRuntime, int groupSize = 0)
    {
        GroupSize = groupSize;
        Granularity = granularity;
        _values = values;
        IsRuntime = isRuntime;
    }

    /// <summary>A single zero point that is given when the primitive is executed.</summary>
    public static ZeroPoint Runtime { get; } = new(QuantizationGranularity.PerTensor, [], isRuntime: true);

    /// <summary>One zero point or one for each channel.</summary>
    public QuantizationGranularity Granularity { get; }

    /// <summary>True if the value is an argument of the execution instead of a constant.</summary>
    public bool IsRuntime { get; }

    /// <summary>The constant zero points; empty for <see cref="IsRuntime"/>.</summary>
    public ReadOnlySpan<int> Values => _values;

    /// <summary>True if every constant zero point is 0.</summary>
    public bool IsZero => !IsRuntime && !Values.ContainsAnyExcept(0);

    /// <summary>One zero point for the whole tensor.</summary>
    public static ZeroPoint PerTensor(int value) => new(QuantizationGranularity.PerTensor, [value], false);

    /// <summary>One zero point for each channel.</summary>
    public static ZeroPoint PerChannel(ReadOnlySpan<int> values) =>
        new(QuantizationGranularity.PerChannel, values.ToArray(), false);

    /// <summary>One zero point for the whole tensor.</summary>
    public static implicit operator ZeroPoint(int value) => PerTensor(value);

    /// <summary>
    /// One zero point for each column (or row) and group of <paramref name="groupSize"/> neighbours along K; see
    /// <see cref="QuantizationGranularity.PerGroup"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The group size is not positive.</exception>
    public static ZeroPoint PerGroup(ReadOnlySpan<int> values, int groupSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(groupSize);
        return new(QuantizationGranularity.PerGroup, values.ToArray(), false, groupSize);
    }

    /// <summary>The same with an array that is not copied and must not change: groups are many.</summary>
    internal static ZeroPoint Adopt(int[] values, int groupSize) => new(QuantizationGranularity.PerGroup, values, false, groupSize);

    /// <summary>Length of a group along K for <see cref="QuantizationGranularity.PerGroup"/>; else 0.</summary>
    public int GroupSize { get; }

    /// <summary>The zero point of the group at a place of an operand.</summary>
    internal int At(GroupPlace place) => _values[place.IndexIn(GroupSize, _values.Length)];

    /// <summary>The zero points from the group at a place on.</summary>
    internal ReadOnlySpan<int> From(GroupPlace place) => _values.AsSpan(place.IndexIn(GroupSize, _values.Length));

    /// <summary>The zero point of a channel.</summary>
    public int At(int channel) => _values.Length == 1 ? _values[0] : _values[channel];

    /// <inheritdoc/>
    public bool Equals(ZeroPoint? other) => other is not null && Granularity == other.Granularity
        && IsRuntime == other.IsRuntime && GroupSize == other.GroupSize && Values.SequenceEqual(other.Values);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ZeroPoint);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add((int)Granularity);
        hash.Add(_values.Length);
        for (int i = 0; i < _values.Length; i += (_values.Length / HashedValues) + 1)
            hash.Add(_values[i]);
        return hash.ToHashCode();
    }
}
