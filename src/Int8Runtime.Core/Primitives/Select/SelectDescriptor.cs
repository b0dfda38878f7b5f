// Choice between two tensors by a third one.
namespace Int8Runtime;

/// <summary>
/// <c>dst = condition ≠ 0 ? src : src1</c> for each element (oneDNN's binary algorithm "select"). All tensors have one rank; an extent
/// of 1 in a source or in the condition is broadcast. The chosen element is dequantized by its own source's scale and zero
/// point, passes the post-ops and is quantized to the destination.
/// </summary>
public sealed record SelectDescriptor : PrimitiveDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Select;

    /// <summary>What is taken where the condition holds.</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>What is taken elsewhere.</summary>
    public required MemoryDescriptor Source1 { get; init; }

    /// <summary>The condition: s8 or u8, true where it is not 0.</summary>
    public required MemoryDescriptor Condition { get; init; }

    /// <summary>The destination; may be the memory of the first source.</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        RequireBroadcast(Source.Dimensions, Destination.Dimensions, "the first source");
        RequireBroadcast(Source1.Dimensions, Destination.Dimensions, "the second source");
        RequireBroadcast(Condition.Dimensions, Destination.Dimensions, "the condition");
        Require(Condition.DataType.IsInt8(), $"the condition is {Condition.DataType.ToShortName()}, not s8 or u8.");
        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.Source1ZeroPoint, Source1.DataType, "second source");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("binary");
        writer.Types("sdt", Source, Source1, Condition);
        writer.Types("ddt", Destination);
        writer.Layouts("stag", Source, Source1, Condition);
        writer.Layouts("dtag", Destination);
        writer.Option("alg", "select");
        writer.Broadcast(Destination.Dimensions, Source.Dimensions, Source1.Dimensions);
        writer.Shape($"{Source.Dimensions}:{Source1.Dimensions}:{Condition.Dimensions}", Source, Source1, Condition);
    }
}

/// <summary>Memory of a selection.</summary>
/// <param name="Source">What is taken where the condition holds.</param>
/// <param name="Source1">What is taken elsewhere.</param>
/// <param name="Condition">The condition.</param>
/// <param name="Destination">The destination; may be the memory of the first source.</param>
public readonly record struct SelectArguments(TensorMemory Source, TensorMemory Source1, TensorMemory Condition, TensorMemory Destination)
    : IPrimitiveArguments
{
    /// <inheritdoc/>
    public void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments)
    {
        if (descriptor is not SelectDescriptor expected)
            throw new ArgumentException($"A {descriptor?.Kind} primitive does not take a condition.");
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Source, Source, expected.Source);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Source1, Source1, expected.Source1);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Condition, Condition, expected.Condition);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Destination, Destination, expected.Destination);
    }
}
