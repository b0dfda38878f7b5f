// Rectifier with a tensor of slopes.
namespace Int8Runtime;

/// <summary>
/// <c>dst = x</c> where x &gt; 0 and <c>slope·x</c> elsewhere. The slopes have the source's rank; an extent of 1 is broadcast. Integer
/// tensors are dequantized by their own scale and zero point (the slopes' are those of the second source), computed in f32
/// and quantized to the destination.
/// </summary>
public sealed record PReluDescriptor : PrimitiveDescriptor, IUnaryDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.PRelu;

    /// <summary>The source, of any shape.</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The slopes: each extent is the source's or 1.</summary>
    public required MemoryDescriptor Slopes { get; init; }

    /// <summary>The destination, of the source's shape; may be the same memory.</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Source.Dimensions == Destination.Dimensions,
            $"source {Source.Dimensions} and destination {Destination.Dimensions} differ.");
        RequireBroadcast(Slopes.Dimensions, Source.Dimensions, "the slopes");
        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.Source1ZeroPoint, Slopes.DataType, "slopes");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("prelu");
        writer.Types("sdt", Source, Slopes);
        writer.Types("ddt", Destination);
        writer.Layouts("stag", Source, Slopes);
        writer.Layouts("dtag", Destination);
        writer.Shape($"{Source.Dimensions}:{Slopes.Dimensions}", Source, Slopes);
    }
}

/// <summary>Memory of a rectifier with a tensor of slopes; the destination may be the source.</summary>
/// <param name="Source">The source.</param>
/// <param name="Slopes">The slopes.</param>
/// <param name="Destination">The destination.</param>
public readonly record struct PReluArguments(TensorMemory Source, TensorMemory Slopes, TensorMemory Destination) : IPrimitiveArguments
{
    /// <inheritdoc/>
    public void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments)
    {
        if (descriptor is not PReluDescriptor expected)
            throw new ArgumentException($"A {descriptor?.Kind} primitive does not take slopes.");
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Source, Source, expected.Source);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Source1, Slopes, expected.Slopes);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Destination, Destination, expected.Destination);
    }
}
