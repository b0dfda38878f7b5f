// Quantization that is not defined for products, whoever computes them.
namespace Int8Runtime;

/// <summary>The rule that every implementation of convolution, inner product and matrix product applies.</summary>
internal static class ProductQuantization
{
    /// <summary>
    /// A refusal, or null: scales of source and destination are per tensor, zero points at execution too, and groups of a source belong to
    /// integers.
    /// </summary>
    /// <param name="name">Name of the implementation.</param>
    /// <param name="attributes">The attributes.</param>
    /// <param name="source">Type of the source.</param>
    public static Rejection? Refuse(string name, PrimitiveAttributes attributes, DataType source)
    {
        string? what =
            attributes.SourceScale is { Granularity: QuantizationGranularity.PerChannel } ? "source scales per channel"
            : attributes.DestinationScale is { Granularity: QuantizationGranularity.PerChannel } ? "destination scales per channel"
            : attributes.SourceZeroPoint is { IsRuntime: true, Granularity: not QuantizationGranularity.PerTensor }
            ? "source zero points per channel at execution"
            : !source.IsInt8() && HasSourceGroups(attributes) ? "groups of a source that is no 8-bit integer"
            : null;
        return what is null ? null : new Rejection(name, RejectionReason.Quantization, what + " are not defined");
    }

    /// <summary>
    /// Whether 8-bit operands are dequantized before they are multiplied, because scales or zero points differ along K; the sum is then one
    /// of f32.
    /// </summary>
    /// <param name="attributes">The attributes.</param>
    /// <param name="source">Type of the source.</param>
    public static bool Dequantizes(PrimitiveAttributes attributes, DataType source) => source.IsInt8()
        && (HasSourceGroups(attributes) || attributes.WeightsScale is { GroupSize: > 0 }
            || attributes.WeightsZeroPoint is { GroupSize: > 0 });

    /// <summary>Whether scales or zero points of the source come in groups along K.</summary>
    public static bool HasSourceGroups(PrimitiveAttributes attributes) =>
        attributes.SourceScale is { GroupSize: > 0 } || attributes.SourceZeroPoint is { GroupSize: > 0 };
}
