// Scales and zero points of an operation as attributes of a primitive.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>Builds attributes; scales of 1 and zero points of 0 are left out.</summary>
internal static class AttributesOf
{
    /// <summary>Quantization of the first source, and of the destination.</summary>
    public static PrimitiveAttributes Unary(Quantization? source, Quantization? destination) => new()
    {
        SourceScale = Scale(source),
        SourceZeroPoint = Zero(source),
        DestinationScale = Scale(destination),
        DestinationZeroPoint = Zero(destination),
    };

    /// <summary>
    /// The same for primitives that take what is left out on one side as "as on the other": both sides are written out.
    /// </summary>
    public static PrimitiveAttributes PassThrough(Quantization? source, Quantization? destination) =>
        source is null || destination is null
            ? Unary(source, destination)
            : new PrimitiveAttributes
            {
                SourceScale = source.Scale, SourceZeroPoint = source.ZeroPoint,
                DestinationScale = destination.Scale, DestinationZeroPoint = destination.ZeroPoint,
            };

    /// <summary>The scales; null where all are 1.</summary>
    public static QuantizationScale? Scale(Quantization? quantization) =>
        quantization is null || quantization.BlockSize > 0 || Array.TrueForAll(quantization.Scales, s => s == 1)
            ? null : quantization.Scale;

    /// <summary>The zero points; null where all are 0.</summary>
    public static ZeroPoint? Zero(Quantization? quantization) =>
        quantization is null || quantization.BlockSize > 0 || Array.TrueForAll(quantization.ZeroPoints, z => z == 0)
            ? null : quantization.ZeroPoint;
}
