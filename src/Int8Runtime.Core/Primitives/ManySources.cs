// What primitives with any number of sources have in common.
using System.Collections.Immutable;

namespace Int8Runtime;

/// <summary>A primitive that reads any number of tensors, each with a scale of its own, and writes one.</summary>
public abstract record ManySourcesDescriptor : PrimitiveDescriptor
{
    private protected ManySourcesDescriptor()
    {
    }

    /// <summary>The tensors in order; source i is argument <see cref="ArgumentSlot.PostOp0"/> + i.</summary>
    public required ImmutableArray<MemoryDescriptor> Sources { get; init; }

    /// <summary>The scale of each source; ones if not set.</summary>
    public ImmutableArray<float> Scales { get; init; } = [];

    /// <summary>The destination.</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>The scale of source <paramref name="index"/>.</summary>
    public float Scale(int index) => Scales.IsDefaultOrEmpty ? 1 : Scales[index];

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(!Sources.IsDefault && Sources.Length is >= 1 and <= PostOp.MaximumChainLength,
            $"takes 1 to {PostOp.MaximumChainLength} sources.");
        if (!Scales.IsDefaultOrEmpty)
            Require(Scales.Length == Sources.Length, $"{Scales.Length} scales given for {Sources.Length} sources.");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        Require(attributes.PostOps.Count == 0, "takes no post-ops.");
        Require(attributes.SourceScale is null && attributes.SourceZeroPoint is null,
            "takes scales and zero points of its sources in the descriptor.");
    }

    /// <inheritdoc/>
    public virtual bool Equals(ManySourcesDescriptor? other) => base.Equals(other) && Destination.Equals(other.Destination)
        && Sources.AsSpan().SequenceEqual(other.Sources.AsSpan()) && Scales.AsSpan().SequenceEqual(other.Scales.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(base.GetHashCode(), Destination, Sources.IsDefault ? 0 : Sources.Length);

    /// <summary>Writes the driver's name, types and layouts.</summary>
    private protected void WriteTensors(ProblemWriter writer, string driver)
    {
        writer.Start(driver);
        writer.Types("sdt", Sources.AsSpan());
        writer.Types("ddt", Destination);
        writer.Layouts("stag", Sources.AsSpan());
        writer.Layouts("dtag", Destination);
        if (Destination.IsAny && !Sources[0].IsAny)
            writer.Differ("layout of the destination");
    }
}

/// <summary>Memory of a concatenation or sum.</summary>
/// <param name="Sources">The sources in order.</param>
/// <param name="Destination">The destination; may be the memory of the first source of a sum.</param>
public readonly record struct ManySourcesArguments(ImmutableArray<TensorMemory> Sources, TensorMemory Destination) : IPrimitiveArguments
{
    /// <inheritdoc/>
    public void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments)
    {
        if (descriptor is not ManySourcesDescriptor expected)
            throw new ArgumentException($"A {descriptor?.Kind} primitive does not take a list of sources.");
        int given = Sources.IsDefault ? 0 : Sources.Length;
        if (given != expected.Sources.Length)
            throw new ArgumentException($"The primitive takes {expected.Sources.Length} sources, not {given}.");
        for (int i = 0; i < given; i++)
            ArgumentBinding.Bind(ref arguments, ArgumentSlot.PostOp0 + i, Sources[i], expected.Sources[i]);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Destination, Destination, expected.Destination);
    }
}
