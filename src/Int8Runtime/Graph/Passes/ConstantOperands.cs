// Questions of pattern passes about nodes with one constant operand.
namespace Int8Runtime.Graph.Passes;

/// <summary>Reads patterns of single numbers and repeated operands.</summary>
internal static class ConstantOperands
{
    /// <summary>Whether two numbers agree as far as constants of exporters do.</summary>
    public static bool IsNear(double actual, double expected) => Math.Abs(actual - expected) <= 1e-3 * Math.Abs(expected);

    /// <summary>The number that a value holds, if it is a constant of one element.</summary>
    public static double? Number(this GraphValue? value) =>
        value?.Constant is { ElementCount: 1 } constant ? constant.ToDoubleArray()[0] : null;

    /// <summary>The operand beside a constant number near <paramref name="number"/>, of a commutative operator or in first place;
    /// null where the node is something else.</summary>
    public static GraphValue? BesideNumber(this GraphNode? node, string opType, double number)
    {
        if (node is null || !node.Is(opType) || node.Inputs.Count != 2)
            return null;
        if (node.OptionalInput(1).Number() is { } second && IsNear(second, number))
            return node.OptionalInput(0);
        bool commutes = opType is "Add" or "Mul";
        return commutes && node.OptionalInput(0).Number() is { } first && IsNear(first, number) ? node.OptionalInput(1) : null;
    }

    /// <summary>The other operand of a binary node that reads <paramref name="operand"/>.</summary>
    public static GraphValue? Beside(this GraphNode node, GraphValue operand) =>
        node.Inputs.Count != 2 ? null : node.Inputs[0] == operand ? node.Inputs[1] : node.Inputs[1] == operand ? node.Inputs[0] : null;

    /// <summary>Whether the node is the power of <paramref name="operand"/>, as Pow or as products.</summary>
    public static bool IsPower(this GraphNode? node, GraphValue operand, int exponent)
    {
        if (node is null)
            return false;
        if (node.Is("Pow"))
            return node.Input(0) == operand && node.OptionalInput(1).Number() == exponent;
        if (!node.Is("Mul") || node.Beside(operand) is not { } other)
            return false;
        return exponent == 2 ? other == operand : other.Producer.IsPower(operand, exponent - 1);
    }
}
