// Scale and zero point of an operand: constants of the plan, or arguments of the execution.
namespace Int8Runtime.X64;

/// <summary><c>scale·(y − zeroPoint)</c>, the real value of an operand's element.</summary>
/// <param name="Scale">The scale where it is a constant.</param>
/// <param name="ZeroPoint">The zero point where it is a constant.</param>
/// <param name="ScaleSlot">The argument that holds the scale; null for a constant.</param>
/// <param name="ZeroPointSlot">The argument that holds the zero point; null for a constant.</param>
internal readonly unsafe record struct OperandQuantization(
    float Scale, int ZeroPoint = 0, ArgumentSlot? ScaleSlot = null, ArgumentSlot? ZeroPointSlot = null)
{
    /// <summary>Whether a number is given at execution.</summary>
    public bool IsRuntime => ScaleSlot is not null || ZeroPointSlot is not null;

    /// <summary>Whether it changes nothing.</summary>
    public bool IsIdentity => this == new OperandQuantization(1f);

    /// <summary>The quantization of the first source.</summary>
    public static OperandQuantization OfSource(PrimitiveAttributes attributes) => Of(
        attributes.SourceScale, ArgumentSlot.SourceScale, attributes.SourceZeroPoint, ArgumentSlot.SourceZeroPoint);

    /// <summary>The quantization of the second source.</summary>
    public static OperandQuantization OfSource1(PrimitiveAttributes attributes) => Of(
        attributes.Source1Scale, ArgumentSlot.Source1Scale, attributes.Source1ZeroPoint, ArgumentSlot.Source1ZeroPoint);

    /// <summary>The scale of an execution.</summary>
    public float ScaleIn(in ExecutionArguments arguments) => ScaleSlot is { } slot ? *(float*)arguments[slot] : Scale;

    /// <summary>The zero point of an execution.</summary>
    public int ZeroPointIn(in ExecutionArguments arguments) => ZeroPointSlot is { } slot ? *(int*)arguments[slot] : ZeroPoint;

    private static OperandQuantization Of(QuantizationScale? scale, ArgumentSlot scaleSlot, ZeroPoint? zeroPoint,
        ArgumentSlot zeroPointSlot)
    {
        bool givenScale = scale is { IsRuntime: true }, givenZeroPoint = zeroPoint is { IsRuntime: true };
        return new OperandQuantization(
            scale is null || givenScale ? 1f : scale.At(0), zeroPoint is null || givenZeroPoint ? 0 : zeroPoint.At(0),
            givenScale ? scaleSlot : null, givenZeroPoint ? zeroPointSlot : null);
    }
}
