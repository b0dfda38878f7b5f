// Softmax and log-softmax along one axis.
namespace Int8Runtime;

/// <summary>Softmax along one axis: <c>e^(x − max) / Σ e^(x − max)</c>, or its logarithm. Integer sources are dequantized first.</summary>
public sealed record SoftmaxDescriptor : PrimitiveDescriptor, IUnaryDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Softmax;

    /// <summary>True for the logarithm of the softmax.</summary>
    public bool Logarithm { get; init; }

    /// <summary>The dimension along which the values sum to 1.</summary>
    public required int Axis { get; init; }

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
        Require(Axis >= 0 && Axis < Source.Rank, $"axis {Axis} is outside the {Source.Rank} dimensions.");
        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("softmax");
        writer.Types("sdt", Source);
        writer.Types("ddt", Destination);
        writer.Layouts("stag", Source);
        writer.Layouts("dtag", Destination);
        if (Destination.IsAny && !Source.IsAny)
            writer.Differ("layout of the destination");
        writer.Option("alg", Logarithm ? "LOGSOFTMAX" : "SOFTMAX");
        writer.Option("axis", Axis);
        writer.Shape($"{Source.Dimensions}", Source);
    }
}
