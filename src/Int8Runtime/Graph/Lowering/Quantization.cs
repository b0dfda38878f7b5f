// How the integers of a tensor stand for real numbers.
namespace Int8Runtime.Graph.Lowering;

/// <summary>
/// <c>real = scale·(q − zeroPoint)</c>, with one scale and zero point for the tensor or one for each index of
/// <see cref="Axis"/>. Compares by value.
/// </summary>
internal sealed class Quantization : IEquatable<Quantization>
{
    public Quantization(DataType type, float[] scales, int[] zeroPoints, int axis)
    {
        Type = type;
        Scales = scales;
        ZeroPoints = zeroPoints;
        Axis = scales.Length == 1 ? -1 : axis;
    }

    /// <summary>
    /// Elements along <see cref="Axis"/> that share a scale, where scales are for blocks (of weights that no integer product
    /// reads); else 0. The scales then have the shape of the tensor with that extent divided by the block.
    /// </summary>
    public int BlockSize { get; init; }

    /// <summary>The integer type.</summary>
    public DataType Type { get; }

    /// <summary>One scale, or one for each channel.</summary>
    public float[] Scales { get; }

    /// <summary>As many zero points as scales.</summary>
    public int[] ZeroPoints { get; }

    /// <summary>The dimension of the channels; −1 where one scale serves the tensor.</summary>
    public int Axis { get; }

    /// <summary>Whether one scale serves the tensor.</summary>
    public bool IsPerTensor => Scales.Length == 1;

    /// <summary>The scales as an attribute.</summary>
    public QuantizationScale Scale => BlockSize > 0
        ? throw new InvalidOperationException("Scales of blocks are no attribute of one axis.") : IsPerTensor
        ? QuantizationScale.PerTensor(Scales[0]) : QuantizationScale.PerChannel(Scales);

    /// <summary>The zero points as an attribute.</summary>
    public ZeroPoint ZeroPoint => IsPerTensor ? ZeroPoint.PerTensor(ZeroPoints[0]) : ZeroPoint.PerChannel(ZeroPoints);

    /// <summary>The same scales for integers of another type whose values are shifted by <paramref name="offset"/>.</summary>
    public Quantization Shifted(DataType type, int offset) =>
        new(type, Scales, Array.ConvertAll(ZeroPoints, z => z + offset), Axis) { BlockSize = BlockSize };

    public bool Equals(Quantization? other) => other is not null && Type == other.Type && Axis == other.Axis && BlockSize == other.BlockSize
        && Scales.AsSpan().SequenceEqual(other.Scales) && ZeroPoints.AsSpan().SequenceEqual(other.ZeroPoints);

    public override bool Equals(object? obj) => Equals(obj as Quantization);

    public override int GetHashCode() => HashCode.Combine(Type, Axis, Scales.Length, Scales[0], ZeroPoints[0]);

    public override string ToString() => IsPerTensor
        ? FormattableString.Invariant($"{Type.ToShortName()} scale {Scales[0]:g6} zero point {ZeroPoints[0]}")
        : FormattableString.Invariant($"{Type.ToShortName()} {Scales.Length} scales");
}
