// Scale and zero point of primitives that mostly hand stored values on: pooling and resampling.
namespace Int8Runtime;

/// <summary>
/// Quantization of a primitive that works on stored values: an integer destination has the source's scale and zero point
/// unless the attributes give it others, and where both sides agree nothing is dequantized. Numbers that are given at execution
/// agree where the destination has the source's; those of its own never do, whatever their values.
/// </summary>
internal static unsafe class PassThrough
{
    /// <summary>
    /// The attributes with the destination's quantization filled in from the source's where an integer destination has none.
    /// </summary>
    public static PrimitiveAttributes Complete(PrimitiveAttributes attributes, DataType destination) => destination.IsFloatingPoint()
        ? attributes
        : attributes with
        {
            DestinationScale = attributes.DestinationScale ?? attributes.SourceScale,
            DestinationZeroPoint = attributes.DestinationZeroPoint ?? attributes.SourceZeroPoint,
        };

    /// <summary>
    /// The memory of an execution, in which numbers that <see cref="Complete(PrimitiveAttributes, DataType)"/> filled in are the
    /// source's.
    /// </summary>
    /// <param name="attributes">The attributes as they were given.</param>
    /// <param name="arguments">The memory.</param>
    public static ExecutionArguments Complete(PrimitiveAttributes attributes, in ExecutionArguments arguments)
    {
        ExecutionArguments completed = arguments;
        if (attributes.DestinationScale is null)
            completed[ArgumentSlot.DestinationScale] = completed[ArgumentSlot.SourceScale];
        if (attributes.DestinationZeroPoint is null)
            completed[ArgumentSlot.DestinationZeroPoint] = completed[ArgumentSlot.SourceZeroPoint];
        return completed;
    }

    /// <summary>True if integers are stored in the units of the source: one type and quantization on both sides, and no post-op.</summary>
    /// <param name="attributes">The attributes as they were given.</param>
    /// <param name="source">Type of the source.</param>
    /// <param name="destination">Type of the destination.</param>
    public static bool KeepsUnits(PrimitiveAttributes attributes, DataType source, DataType destination) =>
        !source.IsFloatingPoint() && Copies(attributes, source, destination);

    /// <summary>True if an element that is only chosen, not computed, is stored bit by bit.</summary>
    /// <param name="attributes">The attributes as they were given.</param>
    /// <param name="source">Type of the source.</param>
    /// <param name="destination">Type of the destination.</param>
    public static bool Copies(PrimitiveAttributes attributes, DataType source, DataType destination)
    {
        if (source != destination || attributes.PostOps.Count > 0)
            return false;
        bool isInteger = !destination.IsFloatingPoint();
        bool takesScale = isInteger && attributes.DestinationScale is null;
        bool takesZeroPoint = isInteger && attributes.DestinationZeroPoint is null;
        return (takesScale || Agree(attributes.SourceScale, attributes.DestinationScale))
            && (takesZeroPoint || Agree(attributes.SourceZeroPoint, attributes.DestinationZeroPoint));
    }

    private static bool Agree(QuantizationScale? source, QuantizationScale? destination) =>
        source is not { IsRuntime: true } && destination is not { IsRuntime: true } && (source?.At(0) ?? 1f) == (destination?.At(0) ?? 1f);

    private static bool Agree(ZeroPoint? source, ZeroPoint? destination) =>
        source is not { IsRuntime: true } && destination is not { IsRuntime: true } && (source?.At(0) ?? 0) == (destination?.At(0) ?? 0);
}
