// What normalizations by mean and variance have in common.
namespace Int8Runtime;

/// <summary>
/// <c>y = (x − mean)/√(variance + ε)·scale + shift</c>, with the (biased) variance and the mean taken over sets of elements.
/// Statistics are f32. Integer sources are dequantized first.
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

    /// <summary>Shape of <see cref="Scale"/> and <see cref="Shift"/>.</summary>
    internal abstract Shape ParameterShape { get; }

    /// <summary>Number of sets that are normalized on their own.</summary>
    internal abstract int SetCount { get; }

    /// <summary>The set to which an element belongs.</summary>
    internal abstract int SetOf(ReadOnlySpan<int> index);

    /// <summary>The row-major place in <see cref="Scale"/> and <see cref="Shift"/> that belongs to an element.</summary>
    internal abstract int ParameterOf(ReadOnlySpan<int> index);

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(Source.Dimensions == Destination.Dimensions, $"source {Source.Dimensions} and destination {Destination.Dimensions} differ.");
        Require(Epsilon >= 0, $"epsilon is {Epsilon} and must not be negative.");
        ValidateSets();
        RequireParameter(Scale, "scale");
        RequireParameter(Shift, "shift");
        Require(Scale is null || Shift is null || Scale.DataType == Shift.DataType, "scale and shift have different types.");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <summary>Checks what says which elements form a set.</summary>
    private protected abstract void ValidateSets();

    /// <summary>Checks a dense tensor of parameters.</summary>
    private protected void RequireParameter(MemoryDescriptor? parameter, string role)
    {
        if (parameter is null)
            return;
        Require(parameter.DataType.IsFloatingPoint(), $"the {role} is {parameter.DataType.ToShortName()} and must be a floating-point type.");
        Require(parameter.Equals(new MemoryDescriptor(ParameterShape, parameter.DataType)),
            $"the {role} is {parameter} and must be row-major of shape {ParameterShape}.");
    }

    /// <summary>Which parameters there are, as benchdnn's flags: C for a scale, H for a shift.</summary>
    private protected string FlagsText => $"{(Scale is null ? "" : "C")}{(Shift is null ? "" : "H")}";

    /// <summary>Types as benchdnn writes them.</summary>
    private protected string TypesText => $"{Source.DataType.ToShortName()}:{Destination.DataType.ToShortName()}";
}

/// <summary>Memory of a normalization. Source and destination may be the same.</summary>
/// <param name="Source">The source.</param>
/// <param name="Destination">The destination.</param>
/// <param name="Scale">Factors, if the descriptor has them.</param>
/// <param name="Shift">Addends, if the descriptor has them.</param>
public readonly record struct NormalizationArguments(
    TensorMemory Source, TensorMemory Destination, TensorMemory? Scale = null, TensorMemory? Shift = null) : IPrimitiveArguments
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
    }
}
