// Arithmetic of two or more operands: Add, Sub, Mul, Div, Mod, Max, Min, Sum, Mean, Pow.
using System.Numerics;

namespace Int8Runtime.Graph.Evaluation;

internal static class BinaryOperators
{
    /// <summary>The operators that <see cref="Evaluate"/> knows.</summary>
    public static readonly string[] Arithmetic = ["Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Sum", "Mean"];

    /// <summary>Whether <see cref="Function{T}"/> has the operator, and no element makes it fail: integers are divided by constants other
    /// than 0 and −1 only.</summary>
    public static bool CannotFail(NodeOperands operands) => operands.Node.OpType switch
    {
        "Add" or "Sub" or "Mul" or "Max" or "Min" => true,
        "Div" or "Mod" => operands[0].ElementType.IsFloatingPoint()
            || (operands.Value(1) is { } divisor && divisor.ToInt64Array().All(d => d is not (0 or -1))),
        _ => false,
    };

    public static TensorData Evaluate(NodeOperands operands) =>
        Elementwise.Dispatch(operands, operands[0].ElementType, new Arithmetics(operands));

    /// <summary>The result has the type of the base, whatever that of the exponent.</summary>
    public static TensorData Pow(NodeOperands operands)
    {
        DataType type = operands[0].ElementType;
        TensorData power = HostEvaluator.Content(operands, 0).ConvertTo(DataType.Float64);
        TensorData exponent = HostEvaluator.Content(operands, 1).ConvertTo(DataType.Float64);
        return Elementwise.Binary<double, double>(operands, power, exponent, DataType.Float64, Math.Pow).ConvertTo(type);
    }

    private sealed class Arithmetics(NodeOperands operands) : INumericFunction<TensorData>
    {
        public TensorData Invoke<T>() where T : unmanaged, INumber<T>
        {
            Func<T, T, T> function = Function<T>(operands);
            TensorData result = HostEvaluator.Content(operands, 0);
            DataType type = result.ElementType;
            for (int i = 1; i < operands.Count; i++)
                result = Elementwise.Binary(operands, result, HostEvaluator.Content(operands, i), type, function);
            if (operands.Node.OpType == "Mean")
                result = Elementwise.Unary<T, T>(result, type, sum => sum / T.CreateChecked(operands.Count));
            return result;
        }
    }

    /// <summary>The function of two elements that a node computes.</summary>
    public static Func<T, T, T> Function<T>(NodeOperands operands) where T : unmanaged, INumber<T> => operands.Node.OpType switch
    {
        "Add" or "Sum" or "Mean" => static (a, b) => unchecked(a + b),
        "Sub" => static (a, b) => unchecked(a - b),
        "Mul" => static (a, b) => unchecked(a * b),
        "Div" => static (a, b) => a / b,   // integers are truncated; a division by 0 is caught by the guard
        "Max" => T.Max,
        "Min" => T.Min,
        "Mod" when operands.Attributes.GetBoolean("fmod") => static (a, b) => a % b,
        "Mod" => static (a, b) =>
        {
            T remainder = a % b;   // has the sign of the dividend; the operator wants that of the divisor
            return remainder != T.Zero && T.IsNegative(remainder) != T.IsNegative(b) ? remainder + b : remainder;
        },
        _ => throw new InvalidOperationException(operands.Node.OpType),
    };
}
