// The interval of real values that a tensor takes.
namespace Int8Runtime.Quantization;

/// <summary>The closed interval from <paramref name="Minimum"/> to <paramref name="Maximum"/>.</summary>
/// <param name="Minimum">The smallest value.</param>
/// <param name="Maximum">The largest value.</param>
public readonly record struct ValueRange(float Minimum, float Maximum)
{
    /// <summary>The interval that contains nothing; the neutral element of <see cref="Union"/>.</summary>
    public static ValueRange Empty { get; } = new(float.PositiveInfinity, float.NegativeInfinity);

    /// <summary>True if no value was seen.</summary>
    public bool IsEmpty => Minimum > Maximum;

    /// <summary>The smallest interval that contains both.</summary>
    public ValueRange Union(ValueRange other) =>
        new(Math.Min(Minimum, other.Minimum), Math.Max(Maximum, other.Maximum));

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"[{Minimum:G6}, {Maximum:G6}]");
}
