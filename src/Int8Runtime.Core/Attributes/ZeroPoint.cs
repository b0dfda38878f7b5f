// Zero points of quantized tensors: constants, or given at execution.
namespace Int8Runtime;

/// <summary>The integer that stands for the real number 0. Compares by value.</summary>
public sealed class ZeroPoint : QuantizationParameter<int>
{
    private ZeroPoint(QuantizationGranularity granularity, int[] values, bool isRuntime = false, int groupSize = 0)
        : base(granularity, values, isRuntime, groupSize)
    {
    }

    /// <summary>A single zero point that is given when the primitive is executed.</summary>
    public static ZeroPoint Runtime { get; } = new(QuantizationGranularity.PerTensor, [], isRuntime: true);

    /// <summary>True if every constant zero point is 0.</summary>
    public bool IsZero => !IsRuntime && !Values.ContainsAnyExcept(0);

    /// <summary>One zero point for the whole tensor.</summary>
    public static ZeroPoint PerTensor(int value) => new(QuantizationGranularity.PerTensor, [value]);

    /// <summary>One zero point for each channel.</summary>
    public static ZeroPoint PerChannel(ReadOnlySpan<int> values) => new(QuantizationGranularity.PerChannel, values.ToArray());

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
        return Adopt(values.ToArray(), groupSize);
    }

    /// <summary>The same with an array that is not copied and must not change: groups are many.</summary>
    internal static ZeroPoint Adopt(int[] values, int groupSize) => new(QuantizationGranularity.PerGroup, values, groupSize: groupSize);
}
