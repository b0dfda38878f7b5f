// The sum of any number of tensors.
using System.Collections.Immutable;

namespace Int8Runtime;

/// <summary>
/// <c>dst = Σ scaleᵢ·srcᵢ</c> for tensors of one shape and any types, in f32 in the order of the sources. The destination's scale and
/// zero point are those of the attributes.
/// </summary>
public sealed record SumDescriptor : ManySourcesDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Sum;

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        base.Validate(attributes);
        foreach (MemoryDescriptor source in Sources)
            Require(source.Dimensions == Destination.Dimensions,
                $"source {source.Dimensions} and destination {Destination.Dimensions} differ.");
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        WriteTensors(writer, "sum");
        writer.Option("scales", string.Join(':', Enumerable.Range(0, Sources.Length).Select(i => ProblemWriter.Number(Scale(i)))));
        writer.Shape($"{Destination.Dimensions}", Destination);
    }
}
