// Comparisons and logic, whose results are Booleans: Equal, Less, Greater, …, And, Or, Xor, Not, IsNaN, IsInf.
using System.Numerics;

namespace Int8Runtime.Graph.Evaluation;

internal static class ComparisonOperators
{
    /// <summary>The operators that <see cref="Evaluate"/> knows.</summary>
    public static readonly string[] Names =
        ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not", "IsNaN", "IsInf"];

    /// <summary>Whether <see cref="Relation{T}"/> has the operator.</summary>
    public static bool IsRelation(string opType) =>
        opType is "Equal" or "Less" or "LessOrEqual" or "Greater" or "GreaterOrEqual" or "And" or "Or" or "Xor";

    /// <summary>The relation of two elements that an operator tests.</summary>
    public static Func<T, T, bool> Relation<T>(string opType) where T : unmanaged, INumber<T> => opType switch
    {
        "Equal" => static (a, b) => a == b,
        "Less" => static (a, b) => a < b,
        "LessOrEqual" => static (a, b) => a <= b,
        "Greater" => static (a, b) => a > b,
        "GreaterOrEqual" => static (a, b) => a >= b,
        "And" => static (a, b) => a != T.Zero && b != T.Zero,
        "Or" => static (a, b) => a != T.Zero || b != T.Zero,
        "Xor" => static (a, b) => (a != T.Zero) ^ (b != T.Zero),
        _ => throw new InvalidOperationException(opType),
    };

    public static TensorData Evaluate(NodeOperands operands) =>
        Elementwise.Dispatch(operands, operands[0].ElementType, new Comparisons(operands));

    private sealed class Comparisons(NodeOperands operands) : INumericFunction<TensorData>
    {
        public TensorData Invoke<T>() where T : unmanaged, INumber<T> => operands.Node.OpType switch
        {
            "Not" => Unary<T>(static a => a == T.Zero),
            "IsNaN" => Unary<T>(T.IsNaN),
            "IsInf" => IsInfinite<T>(),
            string relation => Binary(Relation<T>(relation)),
        };

        private TensorData IsInfinite<T>() where T : unmanaged, INumber<T>
        {
            bool positive = operands.Attributes.GetBoolean("detect_positive", true),
                negative = operands.Attributes.GetBoolean("detect_negative", true);
            return Unary<T>(a => (positive && T.IsPositiveInfinity(a)) || (negative && T.IsNegativeInfinity(a)));
        }

        private TensorData Binary<T>(Func<T, T, bool> function) where T : unmanaged => Elementwise.Binary(
            operands, HostEvaluator.Content(operands, 0), HostEvaluator.Content(operands, 1), DataType.Boolean, function);

        private TensorData Unary<T>(Func<T, bool> function) where T : unmanaged =>
            Elementwise.Unary(HostEvaluator.Content(operands, 0), DataType.Boolean, function);
    }
}
