// Scales of quantized tensors: constants, or given at execution.
namespace Int8Runtime;

/// <summary>
/// The scale of a quantized tensor: <c>real = scale·(q − zeroPoint)</c>. Compares by value.
/// </summary>
public sealed class QuantizationScale : QuantizationParameter<float>
{
    private QuantizationScale(QuantizationGranularity granularity, float[] values, bool isRuntime = false, int groupSize = 0)
        : base(granularity, values, isRuntime, groupSize)
    {
        foreach (float value in values)
            if (!float.IsFinite(value) || value <= 0)
                throw new ArgumentOutOfRangeException(nameof(values), value, "A scale is a positive finite number.");
    }

    /// <summary>A single scale that is given when the primitive is executed, for dynamic quantization.</summary>
    public static QuantizationScale Runtime { get; } = new(QuantizationGranularity.PerTensor, [], isRuntime: true);

    /// <summary>One scale for each channel, all given when the primitive is executed.</summary>
    public static QuantizationScale RuntimePerChannel { get; } = new(QuantizationGranularity.PerChannel, [], isRuntime: true);

    /// <summary>One scale for the whole tensor.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The scale is not positive and finite.</exception>
    public static QuantizationScale PerTensor(float value) => new(QuantizationGranularity.PerTensor, [value]);

    /// <summary>One scale for each channel.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A scale is not positive and finite.</exception>
    public static QuantizationScale PerChannel(ReadOnlySpan<float> values) => new(QuantizationGranularity.PerChannel, values.ToArray());

    /// <summary>
    /// One scale for each column (or row) and group of <paramref name="groupSize"/> neighbours along K; see
    /// <see cref="QuantizationGranularity.PerGroup"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A scale is not positive and finite, or the group size is not positive.</exception>
    public static QuantizationScale PerGroup(ReadOnlySpan<float> values, int groupSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(groupSize);
        return Adopt(values.ToArray(), groupSize);
    }

    /// <summary>The same with an array that is not copied and must not change: groups are many.</summary>
    internal static QuantizationScale Adopt(float[] values, int groupSize) =>
        new(QuantizationGranularity.PerGroup, values, groupSize: groupSize);
}
