// Fully connected layer.
using System.Globalization;

namespace Int8Runtime;

/// <summary>
/// Fully connected layer: source [N, C, …spatial], weights [O, C, …spatial], bias [O], destination [N, O]. The sum runs
/// over channels and spatial dimensions.
/// </summary>
public sealed record InnerProductDescriptor : PrimitiveDescriptor, IWeightedDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.InnerProduct;

    /// <summary>The source, [N, C, …spatial].</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The weights, [O, C, …spatial].</summary>
    public required MemoryDescriptor Weights { get; init; }

    /// <summary>
    /// The bias, [O] in f32, bf16, f16, s32, s8 or u8; null for none. It is converted to f32 and added unscaled.
    /// </summary>
    public MemoryDescriptor? Bias { get; init; }

    /// <summary>The destination, [N, O].</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Source.Rank >= 2 && Weights.Rank == Source.Rank && Destination.Rank == 2,
            "needs source and weights of one rank, and a destination [N, O].");
        for (int d = 1; d < Source.Rank; d++)
            Require(Source.Dimensions[d] == Weights.Dimensions[d],
                $"source {Source.Dimensions} and weights {Weights.Dimensions} differ in dimension {d}.");
        int outputs = Weights.Dimensions[0];
        Require(Destination.Dimensions[0] == Source.Dimensions[0] && Destination.Dimensions[1] == outputs,
            $"the destination needs {Source.Dimensions[0]}x{outputs}.");
        RequireBias(Bias, Destination, outputs);
        RequireChannels(attributes.WeightsScale, attributes.WeightsZeroPoint, outputs, "weights");
        RequireChannels(null, attributes.SourceZeroPoint, Source.Dimensions[1], "source");
        RequireChannels(null, attributes.DestinationZeroPoint, outputs, "destination");
        Require(attributes.WeightsScale is not { GroupSize: > 0 } && attributes.WeightsZeroPoint is not { GroupSize: > 0 }
            && !ProductQuantization.HasSourceGroups(attributes),
            "scales and zero points of groups along K are those of matrix products.");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("ip");
        writer.Product(this, grouped: false);
        writer.Bias(Bias, Weights.Dimensions[0]);
        writer.Image(Source, string.Create(CultureInfo.InvariantCulture, $"oc{Weights.Dimensions[0]}"), Destination);
    }
}

/// <summary>Memory of a fully connected layer.</summary>
/// <param name="Source">The source.</param>
/// <param name="Weights">The weights in the layout of <see cref="Primitive.Weights"/>.</param>
/// <param name="Bias">The bias, or null.</param>
/// <param name="Destination">The destination.</param>
public readonly record struct InnerProductArguments(
    TensorMemory Source, TensorMemory Weights, TensorMemory? Bias, TensorMemory Destination) : IPrimitiveArguments
{
    /// <inheritdoc/>
    public void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments) =>
        WeightedArguments.Bind<InnerProductDescriptor>(descriptor, ref arguments, Source, Weights, Bias, Destination);
}
