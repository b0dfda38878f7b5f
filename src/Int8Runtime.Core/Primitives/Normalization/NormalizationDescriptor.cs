// What normalizations by mean and variance have in common.
namespace Int8Runtime;

/// <summary>Where the means and variances of a normalization come from.</summary>
public enum NormalizationStatistics
{
    /// <summary>They are computed from the source.</summary>
    Computed,

    /// <summary>They are computed from the source and also written to tensors.</summary>
    Stored,

    /// <summary>They are given, as trained models have them.</summary>
    Given,
}

/// <summary>
/// <c>y = (x − mean)/√(variance + ε)·scale + shift</c>, with the (biased) variance and the mean taken over sets of elements.
/// Statistics are f32. Integer sources are dequantized first. A rectifier behind it is a post-op.
/// </summary>
public abstract record NormalizationDescriptor : PrimitiveDescriptor, IUnaryDescriptor
{
    private protected NormalizationDescriptor()
    {
    }

    /// <summary>The source.</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The destination, of the source's shape; may be the same memory.</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>Factors (γ), dense, f32, bf16 or f16; null for 1.</summary>
    public MemoryDescriptor? Scale { get; init; }

    /// <summary>Addends (β), like <see cref="Scale"/> and of its type; null for 0.</summary>
    public MemoryDescriptor? Shift { get; init; }

    /// <summary>Added to the variance, not negative.</summary>
    public float Epsilon { get; init; } = 1e-5f;

    /// <summary>Where mean and variance come from.</summary>
    public NormalizationStatistics Statistics { get; init; }

    /// <summary>Means, f32 without gaps; unless they are only computed.</summary>
    public MemoryDescriptor? Mean { get; init; }

    /// <summary>Variances, like <see cref="Mean"/>.</summary>
    public MemoryDescriptor? Variance { get; init; }

    /// <summary>Shape of <see cref="Scale"/> and <see cref="Shift"/>.</summary>
    internal abstract Shape ParameterShape { get; }

    /// <summary>Shape of <see cref="Mean"/> and <see cref="Variance"/>: one element for each set that is normalized on its own.</summary>
    internal abstract Shape StatisticsShape { get; }

    /// <summary>Number of sets.</summary>
    internal int SetCount => checked((int)StatisticsShape.ElementCount);

    /// <summary>The set to which an element belongs, counted in row-major order of <see cref="StatisticsShape"/>.</summary>
    internal abstract int SetOf(ReadOnlySpan<int> index);

    /// <summary>The row-major place in <see cref="Scale"/> and <see cref="Shift"/> that belongs to an element.</summary>
    internal abstract int ParameterOf(ReadOnlySpan<int> index);

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Source.Dimensions == Destination.Dimensions,
            $"source {Source.Dimensions} and destination {Destination.Dimensions} differ.");
        Require(Epsilon >= 0, $"epsilon is {Epsilon} and must not be negative.");
        ValidateSets();
        RequireParameter(Scale, "scale");
        RequireParameter(Shift, "shift");
        Require(Scale is null || Shift is null || Scale.DataType == Shift.DataType, "scale and shift have different types.");
        RequireStatistics();
        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <summary>Checks what says which elements form a set.</summary>
    private protected abstract void ValidateSets();

    /// <summary>Checks a dense tensor of parameters.</summary>
    private protected void RequireParameter(MemoryDescriptor? parameter, string role)
    {
        if (parameter is null)
            return;
        Require(parameter.DataType.IsFloatingPoint(),
            $"the {role} is {parameter.DataType.ToShortName()} and must be a floating-point type.");
        Require(parameter.Equals(new MemoryDescriptor(ParameterShape, parameter.DataType)),
            $"the {role} is {parameter} and must be row-major of shape {ParameterShape}.");
    }

    private void RequireStatistics()
    {
        if (Statistics == NormalizationStatistics.Computed)
        {
            Require(Mean is null && Variance is null, "mean and variance are computed and not stored; they need no tensors.");
            return;
        }

        Require(Mean is not null && Variance is not null, "mean and variance need tensors.");
        Require(Mean!.DataType == DataType.Float32 && Mean.Dimensions == StatisticsShape && Mean.IsDense && Mean.InnerBlocks.IsEmpty,
            $"the mean is {Mean} and must be f32 of shape {StatisticsShape} without gaps.");
        Require(Mean.Equals(Variance), $"mean {Mean} and variance {Variance} differ.");
    }

    /// <summary>Writes types, layouts and statistics; benchdnn's flags are G for given statistics, C for a scale, H for a shift.</summary>
    private protected void WriteTensors(ProblemWriter writer)
    {
        writer.Types("dt", Source, Destination);
        writer.Layouts("tag", Source, Destination);
        if (Statistics == NormalizationStatistics.Stored)
            writer.Option("dir", "FWD_D");
        string flags = (Statistics == NormalizationStatistics.Given ? "G" : "") + (Scale is null ? "" : "C") + (Shift is null ? "" : "H");
        if (flags.Length > 0)
            writer.Option("flags", flags);
        if ((Scale ?? Shift) is { DataType: not DataType.Float32 } parameter)
            writer.Types("ss_dt", parameter);
        if (Mean is { Rank: > 1 } && this is not LayerNormalizationDescriptor && LayoutNotation.TagOf(Mean) != "abx")
            writer.Differ("layout of the statistics");
        writer.Option("eps", Epsilon);
    }
}

/// <summary>Memory of a normalization. Source and destination may be the same.</summary>
/// <param name="Source">The source.</param>
/// <param name="Destination">The destination.</param>
/// <param name="Scale">Factors, if the descriptor has them.</param>
/// <param name="Shift">Addends, if the descriptor has them.</param>
/// <param name="Mean">Means, if the descriptor has them: read or written.</param>
/// <param name="Variance">Variances, if the descriptor has them: read or written.</param>
public readonly record struct NormalizationArguments(
    TensorMemory Source, TensorMemory Destination, TensorMemory? Scale = null, TensorMemory? Shift = null, TensorMemory? Mean = null,
    TensorMemory? Variance = null) : IPrimitiveArguments
{
    /// <inheritdoc/>
    public void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments)
    {
        if (descriptor is not NormalizationDescriptor expected)
            throw new ArgumentException($"A {descriptor?.Kind} primitive is no normalization.");
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Source, Source, expected.Source);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.Destination, Destination, expected.Destination);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.NormalizationScale, Scale, expected.Scale);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.NormalizationShift, Shift, expected.Shift);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.NormalizationMean, Mean, expected.Mean);
        ArgumentBinding.Bind(ref arguments, ArgumentSlot.NormalizationVariance, Variance, expected.Variance);
    }
}
