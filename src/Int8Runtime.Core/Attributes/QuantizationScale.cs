// Scales of quantized tensors: constants, or given at execution.
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

/// <summary>
/// The scale of a quantized tensor: <c>real = scale·(q − zeroPoint)</c>. Compares by value.
/// </summary>
public sealed class QuantizationScale : IEquatable<QuantizationScale>
{
    // Groups may have millions of them.
    private const int HashedValues = 64;

    private readonly float[] _values;

    private QuantizationScale(QuantizationGranularity granularity, float[] values, bool isRuntime, int groupSize = 0)
    {
        GroupSize = groupSize;
        foreach (float value in values)
            if (!float.IsFinite(value) || value <= 0)
                throw new ArgumentOutOfRangeException(nameof(values), value, "A scale is a positive finite number.");
        Granularity = granularity;
        _values = values;
        IsRuntime = isRuntime;
    }

    /// <summary>A single scale that is given when the primitive is executed, for dynamic quantization.</summary>
    public static QuantizationScale Runtime { get; } = new(QuantizationGranularity.PerTensor, [], isRuntime: true);

    /// <summary>One scale for each channel, all given when the primitive is executed.</summary>
    public static QuantizationScale RuntimePerChannel { get; } = new(QuantizationGranularity.PerChannel, [], isRuntime: true);

    /// <summary>One scale or one for each channel.</summary>
    public QuantizationGranularity Granularity { get; }

    /// <summary>True if the value is an argument of the execution instead of a constant.</summary>
    public bool IsRuntime { get; }

    /// <summary>The constant scales; empty for <see cref="IsRuntime"/>.</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>One scale for the whole tensor.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The scale is not positive and finite.</exception>
    public static QuantizationScale PerTensor(float value) => new(QuantizationGranularity.PerTensor, [value], false);

    /// <summary>One scale for each channel.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A scale is not positive and finite.</exception>
    public static QuantizationScale PerChannel(ReadOnlySpan<float> values) =>
        new(QuantizationGranularity.PerChannel, values.ToArray(), false);

    /// <summary>
    /// One scale for each column (or row) and group of <paramref name="groupSize"/> neighbours along K; see
    /// <see cref="QuantizationGranularity.PerGroup"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A scale is not positive and finite, or the group size is not positive.</exception>
    public static QuantizationScale PerGroup(ReadOnlySpan<float> values, int groupSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(groupSize);
        return new(QuantizationGranularity.PerGroup, values.ToArray(), false, groupSize);
    }

    /// <summary>The same with an array that is not copied and must not change: groups are many.</summary>
    internal static QuantizationScale Adopt(float[] values, int groupSize) => new(QuantizationGranularity.PerGroup, values, false, groupSize);

    /// <summary>Length of a group along K for <see cref="QuantizationGranularity.PerGroup"/>; else 0.</summary>
    public int GroupSize { get; }

    /// <summary>The scale of the group at a place of an operand.</summary>
    internal float At(GroupPlace place) => _values[place.IndexIn(GroupSize, _values.Length)];

    /// <summary>The scales from the group at a place on.</summary>
    internal ReadOnlySpan<float> From(GroupPlace place) => _values.AsSpan(place.IndexIn(GroupSize, _values.Length));

    /// <summary>The scale of a channel.</summary>
    public float At(int channel) => _values.Length == 1 ? _values[0] : _values[channel];

    /// <inheritdoc/>
    public bool Equals(QuantizationScale? other) => other is not null && Granularity == other.Granularity
        && IsRuntime == other.IsRuntime && GroupSize == other.GroupSize && Values.SequenceEqual(other.Values);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as QuantizationScale);

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
