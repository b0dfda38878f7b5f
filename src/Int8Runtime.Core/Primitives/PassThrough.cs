// Scale and zero point of primitives that mostly hand stored values on: pooling and resampling.
namespace Int8Runtime;

/// <summary>
/// Quantization of a primitive that works on stored values: an integer destination has the source's scale and zero point
/// unless the attributes give it others, and where both sides agree nothing is dequantized.
/// </summary>
internal static class PassThrough
{
    /// <summary>True if a scale or zero point is given at execution, which these primitives do not take.</summary>
    public static bool HasRuntimeQuantization(PrimitiveAttributes attributes) =>
        attributes.SourceScale is { IsRuntime: true } || attributes.SourceZeroPoint is { IsRuntime: true }
        || attributes.DestinationScale is { IsRuntime: true } || attributes.DestinationZeroPoint is { IsRuntime: true };

    /// <summary>The attributes with the destination's quantization filled in from the source's where an integer destination has none.</summary>
    public static PrimitiveAttributes Complete(PrimitiveAttributes attributes, DataType destination) => destination.IsFloatingPoint()
        ? attributes
        : attributes with
        {
            DestinationScale = attributes.DestinationScale ?? attributes.SourceScale,
            DestinationZeroPoint = attributes.DestinationZeroPoint ?? attributes.SourceZeroPoint,
        };

    /// <summary>True if integers are stored in the units of the source: one type and quantization on both sides, and no post-op.</summary>
    /// <param name="attributes">What <see cref="Complete"/> returned.</param>
    /// <param name="source">Type of the source.</param>
    /// <param name="destination">Type of the destination.</param>
    public static bool KeepsUnits(PrimitiveAttributes attributes, DataType source, DataType destination) =>
        !source.IsFloatingPoint() && Copies(attributes, source, destination);

    /// <summary>True if an element that is only chosen, not computed, is stored bit by bit.</summary>
    /// <param name="attributes">What <see cref="Complete"/> returned.</param>
    /// <param name="source">Type of the source.</param>
    /// <param name="destination">Type of the destination.</param>
    public static bool Copies(PrimitiveAttributes attributes, DataType source, DataType destination) =>
        source == destination && attributes.PostOps.Count == 0
        && (attributes.SourceScale?.At(0) ?? 1f) == (attributes.DestinationScale?.At(0) ?? 1f)
        && (attributes.SourceZeroPoint?.At(0) ?? 0) == (attributes.DestinationZeroPoint?.At(0) ?? 0);
}
