// Binary element-wise functions with broadcast.
namespace Int8Runtime;

/// <summary>
/// Combines two tensors element by element. All tensors have one rank; an extent of 1 in a source is broadcast. Integer
/// operands are dequantized by their own scale and zero point, computed in f32 and quantized to the destination.
/// </summary>
public sealed record BinaryDescriptor : PrimitiveDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Binary;

    /// <summary>The function.</summary>
    public required BinaryAlgorithm Algorithm { get; init; }

    /// <summary>The first operand.</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The second operand.</summary>
    public required MemoryDescriptor Source1 { get; init; }

    /// <summary>The destination.</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        RequireBroadcast(Source.Dimensions, Destination.Dimensions, "the first operand");
        RequireBroadcast(Source1.Dimensions, Destination.Dimensions, "the second operand");
        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.Source1ZeroPoint, Source1.DataType, "second source");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("binary");
        writer.Types("sdt", Source, Source1);
        writer.Types("ddt", Destination);
        writer.Layouts("stag", Source, Source1);
        writer.Layouts("dtag", Destination);
        writer.Option("alg", ProblemNames.Binary[Algorithm]);
        writer.Broadcast(Destination.Dimensions, Source.Dimensions, Source1.Dimensions);
        writer.Shape($"{Source.Dimensions}:{Source1.Dimensions}", Source, Source1);
    }
}

/// <summary>Memory of a binary primitive; the destination may be a source that has its layout and type.</summary>
/// <param name="Source">The first operand.</param>
/// <param name="Source1">The second operand.</param>
/// <param name="Destination">The destination.</param>
public readonly record struct BinaryArguments(TensorMemory Source, TensorMemory Source1, TensorMemory Destination)
    : IPrimitiveArguments
{
    /// <inheritdoc/>
    public void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments)
    {
        if (descriptor is not BinaryDescriptor expected)
            throw new ArgumentException($"A {descriptor?.Kind} primitive does not take two operands.");
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Source, Source, expected.Source);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Source1, Source1, expected.Source1);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Destination, Destination, expected.Destination);
    }
}
