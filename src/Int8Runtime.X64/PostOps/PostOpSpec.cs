// What the code of each post-op depends on. Numbers (scales, zero points, α, β) are not part of it: they lie in the
// constants of the epilogue, from slot Constant on, so that layers which differ in numbers only share one kernel.
using System.Globalization;

namespace Int8Runtime.X64;

/// <summary>Which elements of an operand the lanes of a vector meet.</summary>
internal enum OperandMode
{
    /// <summary>There is no such operand.</summary>
    None,

    /// <summary>A number of the epilogue's constants.</summary>
    Constant,

    /// <summary>The same element for all lanes.</summary>
    PerTensor,

    /// <summary>Consecutive elements, chosen by the channel alone.</summary>
    PerChannel,

    /// <summary>The element at the place of the destination's; strides are the destination's.</summary>
    PerElement,
}

/// <summary>The code-relevant part of one post-op.</summary>
/// <param name="Constant">First slot of its numbers in the epilogue's constants.</param>
internal abstract record PostOpSpec(int Constant)
{
    /// <summary>Number of constant slots.</summary>
    public abstract int ConstantCount { get; }
}

/// <summary>v + scale·(dst − zeroPoint). Constants: scale, zero point (if any).</summary>
/// <param name="Type">Type in which the destination's previous content is read.</param>
/// <param name="HasZeroPoint">Whether there is a zero point.</param>
/// <param name="Constant">First constant slot.</param>
internal sealed record SumSpec(DataType Type, bool HasZeroPoint, int Constant) : PostOpSpec(Constant)
{
    /// <inheritdoc/>
    public override int ConstantCount => HasZeroPoint ? 2 : 1;

    /// <inheritdoc/>
    public override string ToString() => $"sum-{Type.ToShortName()}{(HasZeroPoint ? "z" : "")}";
}

/// <summary>An element-wise function. Constants: α, β.</summary>
/// <param name="Algorithm">The function.</param>
/// <param name="IsPlain">For a rectifier: α is 0.</param>
/// <param name="Exponent">For a power: the exponent, on which its code depends; else 0.</param>
/// <param name="Constant">First constant slot.</param>
internal sealed record EltwiseSpec(EltwiseAlgorithm Algorithm, bool IsPlain, float Exponent, int Constant) : PostOpSpec(Constant)
{
    /// <inheritdoc/>
    public override int ConstantCount => 2;

    /// <summary>The spec of a function with these parameters.</summary>
    public static EltwiseSpec Of(EltwiseAlgorithm algorithm, float alpha, float beta, int constant) => new(
        algorithm, algorithm == EltwiseAlgorithm.Relu && alpha == 0, algorithm == EltwiseAlgorithm.Pow ? beta : 0, constant);

    /// <inheritdoc/>
    public override string ToString() => Algorithm.ToString().ToLowerInvariant() + (IsPlain ? "0" : "")
        + (Algorithm == EltwiseAlgorithm.Pow ? Exponent.ToString(CultureInfo.InvariantCulture) : "");
}

/// <summary>
/// A function of the value and an operand <c>y</c>, or <c>scale·(y − zeroPoint)</c>. Constants: the operand, for
/// <see cref="OperandMode.Constant"/>; scale and zero point, if it is quantized.
/// </summary>
/// <param name="Type">Element type of the operand.</param>
/// <param name="Mode">Which elements the lanes meet.</param>
/// <param name="Operand">Index of the operand's pointer in <see cref="EpilogueArguments"/>.</param>
/// <param name="IsQuantized">Whether the operand has a scale and a zero point.</param>
/// <param name="Constant">First constant slot.</param>
internal abstract record OperandSpec(DataType Type, OperandMode Mode, int Operand, bool IsQuantized, int Constant)
    : PostOpSpec(Constant)
{
    /// <inheritdoc/>
    public override int ConstantCount => Mode == OperandMode.Constant ? 1 : IsQuantized ? 2 : 0;

    /// <summary>Name of the function.</summary>
    protected abstract string Function { get; }

    /// <inheritdoc/>
    public sealed override string ToString() =>
        $"{Function}-{Type.ToShortName()}-{Mode.ToString().ToLowerInvariant()}{(IsQuantized ? "-q" : "")}";
}

/// <summary>A binary function.</summary>
/// <param name="Algorithm">The function.</param>
/// <param name="Type">Element type of the operand.</param>
/// <param name="Mode">Which elements the lanes meet.</param>
/// <param name="Operand">Index of the operand's pointer.</param>
/// <param name="IsQuantized">Whether the operand has a scale and a zero point.</param>
/// <param name="Constant">First constant slot.</param>
internal sealed record BinarySpec(
    BinaryAlgorithm Algorithm, DataType Type, OperandMode Mode, int Operand, bool IsQuantized, int Constant)
    : OperandSpec(Type, Mode, Operand, IsQuantized, Constant)
{
    /// <inheritdoc/>
    protected override string Function => Algorithm.ToString().ToLowerInvariant();
}

/// <summary>A rectifier whose slope is the operand.</summary>
/// <param name="Type">Element type of the slopes.</param>
/// <param name="Mode">Which slopes the lanes meet.</param>
/// <param name="Operand">Index of the operand's pointer.</param>
/// <param name="IsQuantized">Whether the slopes have a scale and a zero point.</param>
/// <param name="Constant">First constant slot.</param>
internal sealed record PReluSpec(DataType Type, OperandMode Mode, int Operand, bool IsQuantized, int Constant)
    : OperandSpec(Type, Mode, Operand, IsQuantized, Constant)
{
    /// <inheritdoc/>
    protected override string Function => "prelu";
}
