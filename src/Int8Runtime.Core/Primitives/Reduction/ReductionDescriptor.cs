// Reduction of any dimensions to extent 1.
namespace Int8Runtime;

/// <summary>What a reduction makes of the elements x that fall onto one result.</summary>
public enum ReductionAlgorithm
{
    /// <summary>The largest; NaN if there is one.</summary>
    Max,

    /// <summary>The smallest; NaN if there is one.</summary>
    Min,

    /// <summary>Σ x.</summary>
    Sum,

    /// <summary>Π x.</summary>
    Product,

    /// <summary>Σ x / n.</summary>
    Mean,

    /// <summary>(max(Σ |x|^p, ε))^(1/p).</summary>
    NormMax,

    /// <summary>(Σ |x|^p + ε)^(1/p).</summary>
    NormSum,

    /// <summary>max(Σ |x|^p, ε).</summary>
    NormPowerMax,

    /// <summary>Σ |x|^p + ε.</summary>
    NormPowerSum,
}

/// <summary>
/// Reduces every dimension in which the destination has extent 1. Maximum, minimum, sum and mean of integers are exact until they
/// are converted to f32: a sum is that of s32, in two's complement. Everything else is computed on the real numbers that
/// elements stand for.
/// </summary>
public sealed record ReductionDescriptor : PrimitiveDescriptor, IUnaryDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Reduction;

    /// <summary>What is computed.</summary>
    public required ReductionAlgorithm Algorithm { get; init; }

    /// <summary>The source, of any shape.</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The destination, of the source's rank: each extent is the source's or 1.</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>Exponent of the norms, at least 1.</summary>
    public float P { get; init; } = 1;

    /// <summary>Added to the sum of a norm, or its lower bound.</summary>
    public float Epsilon { get; init; }

    /// <summary>Elements that fall onto one result.</summary>
    internal long SetSize => Destination.ElementCount == 0 ? 0 : Source.ElementCount / Destination.ElementCount;

    /// <summary>Whether elements are raised to the power <see cref="P"/>.</summary>
    internal bool IsNorm => Algorithm >= ReductionAlgorithm.NormMax;

    /// <summary>Whether 32-bit integers hold the result until it is converted to f32.</summary>
    internal bool IsExact => !Source.DataType.IsFloatingPoint() && !IsNorm && Algorithm != ReductionAlgorithm.Product;

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Source.Rank == Destination.Rank,
            $"source {Source.Dimensions} and destination {Destination.Dimensions} have different ranks.");
        for (int d = 0; d < Source.Rank; d++)
            Require(Destination.Dimensions[d] == 1 || Destination.Dimensions[d] == Source.Dimensions[d],
                $"dimension {d} of the destination {Destination.Dimensions} is neither 1 nor that of the source {Source.Dimensions}.");
        Require(!IsNorm || (P >= 1 && float.IsFinite(P)), $"p is {P} and must be a finite number of at least 1.");
        Require(!float.IsNaN(Epsilon), "epsilon is NaN.");
        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("reduction");
        writer.Types("sdt", Source);
        writer.Types("ddt", Destination);
        writer.Layouts("stag", Source);
        writer.Layouts("dtag", Destination);
        writer.Option("alg", ProblemNames.Reduction[Algorithm]);
        if (IsNorm)
        {
            writer.Option("p", P);
            writer.Option("eps", Epsilon);
        }

        writer.Shape($"{Source.Dimensions}:{Destination.Dimensions}", Source);
    }
}
