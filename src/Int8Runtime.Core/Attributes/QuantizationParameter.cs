// What scales and zero points have in common: one value, one for each channel or group, or values given at execution.
namespace Int8Runtime;

/// <summary>How many scales or zero points a tensor has.</summary>
public enum QuantizationGranularity
{
    /// <summary>One for the whole tensor.</summary>
    PerTensor,

    /// <summary>One for each channel: dimension 0 of weights, dimension 1 of activations.</summary>
    PerChannel,

    /// <summary>
    /// Of the integer operands of a matrix product, for groups of neighbours along K, in row-major order: [K / group size, N] of the
    /// weights, one for each group and column (the last group may be shorter); [M, K / group size] of the source, one for each row and
    /// group. With as many times more values as the operand has matrices, each matrix of the batch has its own; else all have the same.
    /// </summary>
    PerGroup,
}

/// <summary>The scales or the zero points of a tensor. Compares by value.</summary>
/// <typeparam name="T">Type of a value.</typeparam>
public abstract class QuantizationParameter<T> : IEquatable<QuantizationParameter<T>>
    where T : unmanaged, IEquatable<T>
{
    // Groups may have millions of them.
    private const int HashedValues = 64;

    private readonly T[] _values;

    private protected QuantizationParameter(QuantizationGranularity granularity, T[] values, bool isRuntime, int groupSize) =>
        (Granularity, _values, IsRuntime, GroupSize) = (granularity, values, isRuntime, groupSize);

    /// <summary>One value, or one for each channel or group.</summary>
    public QuantizationGranularity Granularity { get; }

    /// <summary>True if the value is an argument of the execution instead of a constant.</summary>
    public bool IsRuntime { get; }

    /// <summary>The constant values; empty for <see cref="IsRuntime"/>.</summary>
    public ReadOnlySpan<T> Values => _values;

    /// <summary>Length of a group along K for <see cref="QuantizationGranularity.PerGroup"/>; else 0.</summary>
    public int GroupSize { get; }

    /// <summary>The value of a channel.</summary>
    public T At(int channel) => _values.Length == 1 ? _values[0] : _values[channel];

    /// <summary>The value of the group at a place of an operand.</summary>
    internal T At(GroupPlace place) => _values[place.IndexIn(GroupSize, _values.Length)];

    /// <summary>The values from the group at a place on.</summary>
    internal ReadOnlySpan<T> From(GroupPlace place) => _values.AsSpan(place.IndexIn(GroupSize, _values.Length));

    /// <inheritdoc/>
    public bool Equals(QuantizationParameter<T>? other) => other is not null && Granularity == other.Granularity
        && IsRuntime == other.IsRuntime && GroupSize == other.GroupSize && Values.SequenceEqual(other.Values);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as QuantizationParameter<T>);

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
