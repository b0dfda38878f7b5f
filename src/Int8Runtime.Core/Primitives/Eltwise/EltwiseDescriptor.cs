// Unary element-wise functions.
namespace Int8Runtime;

/// <summary>Applies a function to each element. Integer elements are dequantized, computed in f32 and quantized again.</summary>
public sealed record EltwiseDescriptor : PrimitiveDescriptor, IUnaryDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Eltwise;

    /// <summary>The function.</summary>
    public required EltwiseAlgorithm Algorithm { get; init; }

    /// <summary>First parameter of the function.</summary>
    public float Alpha { get; init; }

    /// <summary>Second parameter of the function.</summary>
    public float Beta { get; init; }

    /// <summary>The source, of any shape.</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The destination, of the source's shape; may be the same memory.</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Source.Dimensions == Destination.Dimensions, $"source {Source.Dimensions} and destination {Destination.Dimensions} differ.");
        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    public override string ToProblemText() => FormattableString.Invariant(
        $"--eltwise --alg={Algorithm} --alpha={Alpha} --beta={Beta} --dt={Source.DataType.ToShortName()}:{Destination.DataType.ToShortName()} {Source.Dimensions}");
}
