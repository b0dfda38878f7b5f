// The shapes of a fully connected layer.
namespace Int8Runtime;

/// <summary>The shapes of a fully connected layer.</summary>
public sealed record InnerProductProblem : ProblemShape
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.InnerProduct;

    /// <summary>Rows of the source.</summary>
    public int Batch { get; init; } = ProblemText.DefaultBatch;

    /// <summary>Source channels.</summary>
    public required int InputChannels { get; init; }

    /// <summary>Destination channels.</summary>
    public required int OutputChannels { get; init; }

    /// <summary>Spatial extents of the source, which the sum runs over as well: none, or up to depth, height, width.</summary>
    public Shape Input { get; init; }

    /// <inheritdoc/>
    public override long MultiplyAccumulates => (long)Batch * OutputChannels * InputChannels * Input.ElementCount;

    /// <inheritdoc/>
    public override InnerProductDescriptor ToDescriptor(OperandTypes types, bool bias) => new()
    {
        Source = ChannelsLast([Batch, InputChannels, .. Input], types.Source),
        Weights = MemoryDescriptor.Any([OutputChannels, InputChannels, .. Input], types.Weights),
        Bias = bias ? new MemoryDescriptor([OutputChannels], DataType.Float32) : null,
        Destination = new MemoryDescriptor([Batch, OutputChannels], types.Destination),
    };

    /// <inheritdoc/>
    public override string ShapeText() =>
        ProblemWriter.ImageText([Batch, InputChannels, .. Input]) + FormattableString.Invariant($"oc{OutputChannels}");
}
