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
        Require(Source.Dimensions == Destination.Dimensions,
            $"source {Source.Dimensions} and destination {Destination.Dimensions} differ.");
        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("eltwise");
        writer.Types("dt", Source, Destination);
        writer.Layouts("tag", Source, Destination);
        writer.Option("alg", ProblemNames.Eltwise[Algorithm]);
        writer.Option("alpha", Alpha);
        writer.Option("beta", Beta);
        writer.Shape($"{Source.Dimensions}", Source);
    }
}
