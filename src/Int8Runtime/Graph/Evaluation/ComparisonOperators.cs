// Comparisons and logic, whose results are Booleans: Equal, Less, Greater, …, And, Or, Xor, Not, IsNaN, IsInf.
using System.Numerics;

namespace Int8Runtime.Graph.Evaluation;

internal static class ComparisonOperators
{
    /// <summary>The operators that <see cref="Evaluate"/> knows.</summary>
    public static readonly string[] Names =
        ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not", "IsNaN", "IsInf"];

    public static TensorData Evaluate(NodeOperands operands) =>
        Elementwise.Dispatch(operands, operands[0].ElementType, new Comparisons(operands));

    private sealed class Comparisons(NodeOperands operands) : INumericFunction<TensorData>
    {
        public TensorData Invoke<T>() where T : unmanaged, INumber<T> => operands.Node.OpType switch
        {
            "Equal" => Binary<T>(static (a, b) => a == b),
            "Less" => Binary<T>(static (a, b) => a < b),
            "LessOrEqual" => Binary<T>(static (a, b) => a <= b),
            "Greater" => Binary<T>(static (a, b) => a > b),
            "GreaterOrEqual" => Binary<T>(static (a, b) => a >= b),
            "And" => Binary<T>(static (a, b) => a != T.Zero && b != T.Zero),
            "Or" => Binary<T>(static (a, b) => a != T.Zero || b != T.Zero),
            "Xor" => Binary<T>(static (a, b) => (a != T.Zero) ^ (b != T.Zero)),
            "Not" => Unary<T>(static a => a == T.Zero),
            "IsNaN" => Unary<T>(T.IsNaN),
            "IsInf" => IsInfinite<T>(),
            _ => throw new InvalidOperationException(operands.Node.OpType),
        };

        private TensorData IsInfinite<T>() where T : unmanaged, INumber<T>
        {
            bool positive = operands.Attributes.GetBoolean("detect_positive", true), negative = operands.Attributes.GetBoolean("detect_negative", true);
            return Unary<T>(a => (positive && T.IsPositiveInfinity(a)) || (negative && T.IsNegativeInfinity(a)));
        }

        private TensorData Binary<T>(Func<T, T, bool> function) where T : unmanaged => Elementwise.Binary(
            operands, HostEvaluator.Content(operands, 0), HostEvaluator.Content(operands, 1), DataType.Boolean, function);

        private TensorData Unary<T>(Func<T, bool> function) where T : unmanaged =>
            Elementwise.Unary(HostEvaluator.Content(operands, 0), DataType.Boolean, function);
    }
}
