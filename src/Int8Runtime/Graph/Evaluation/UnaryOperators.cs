// Functions of one operand. Those that exist for integers keep them exact; the others compute in double precision.
using System.Collections.Frozen;
using System.Numerics;

namespace Int8Runtime.Graph.Evaluation;

internal static class UnaryOperators
{
    private static readonly FrozenDictionary<string, Func<GraphAttributes, Func<double, double>>> s_real =
        new Dictionary<string, Func<GraphAttributes, Func<double, double>>>
        {
            ["Acos"] = _ => Math.Acos,
            ["Acosh"] = _ => Math.Acosh,
            ["Asin"] = _ => Math.Asin,
            ["Asinh"] = _ => Math.Asinh,
            ["Atan"] = _ => Math.Atan,
            ["Atanh"] = _ => Math.Atanh,
            ["Ceil"] = _ => Math.Ceiling,
            ["Cos"] = _ => Math.Cos,
            ["Cosh"] = _ => Math.Cosh,
            ["Erf"] = _ => ErrorFunction.Erf,
            ["Exp"] = _ => Math.Exp,
            ["Floor"] = _ => Math.Floor,
            ["HardSigmoid"] = a => Linear(a.GetSingle("alpha", 0.2f), a.GetSingle("beta", 0.5f)),
            ["LeakyRelu"] = a => Leaky(a.GetSingle("alpha", 0.01f)),
            ["Log"] = _ => Math.Log,
            ["Reciprocal"] = _ => x => 1 / x,
            ["Round"] = _ => x => Math.Round(x, MidpointRounding.ToEven),
            ["Sigmoid"] = _ => x => 1 / (1 + Math.Exp(-x)),
            ["Sin"] = _ => Math.Sin,
            ["Sinh"] = _ => Math.Sinh,
            ["Softplus"] = _ => x => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x))),
            ["Softsign"] = _ => x => x / (1 + Math.Abs(x)),
            ["Sqrt"] = _ => Math.Sqrt,
            ["Tan"] = _ => Math.Tan,
            ["Tanh"] = _ => Math.Tanh,
        }.ToFrozenDictionary();

    private static readonly string[] s_exact = ["Abs", "Neg", "Relu", "Sign"];

    /// <summary>The operators that <see cref="Evaluate"/> knows.</summary>
    public static IEnumerable<string> Names => s_exact.Concat(s_real.Keys);

    public static TensorData Evaluate(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        if (!s_real.TryGetValue(operands.Node.OpType, out Func<GraphAttributes, Func<double, double>>? create))
            return Elementwise.Dispatch(operands, source.ElementType, new Exact(operands));
        TensorData wide = source.ConvertTo(DataType.Float64);
        return Elementwise.Unary(wide, DataType.Float64, create(operands.Attributes)).ConvertTo(source.ElementType);
    }

    private static Func<double, double> Linear(double alpha, double beta) => x => Math.Clamp(alpha * x + beta, 0, 1);

    private static Func<double, double> Leaky(double alpha) => x => x < 0 ? alpha * x : x;

    private sealed class Exact(NodeOperands operands) : INumericFunction<TensorData>
    {
        public TensorData Invoke<T>() where T : unmanaged, INumber<T>
        {
            TensorData source = HostEvaluator.Content(operands, 0);
            Func<T, T> function = operands.Node.OpType switch
            {
                "Abs" => static x => x < T.Zero ? unchecked(T.Zero - x) : x,
                "Neg" => static x => unchecked(T.Zero - x),
                "Relu" => static x => x < T.Zero ? T.Zero : x,
                "Sign" => static x => T.IsNaN(x) ? x : T.CreateChecked(T.Sign(x)),
                _ => throw new InvalidOperationException(operands.Node.OpType),
            };
            return Elementwise.Unary(source, source.ElementType, function);
        }
    }
}
