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
            ["Celu"] = a => Celu(a.GetSingle("alpha", 1)),
            ["Cos"] = _ => Math.Cos,
            ["Cosh"] = _ => Math.Cosh,
            ["Elu"] = a => Elu(a.GetSingle("alpha", 1), 1),
            ["Erf"] = _ => EltwiseMath.Erf,
            ["Exp"] = _ => Math.Exp,
            ["Floor"] = _ => Math.Floor,
            ["Gelu"] = a => a.GetString("approximate", "none") == "tanh" ? GeluTanh : x => x * (1 + EltwiseMath.Erf(x / Math.Sqrt(2))) / 2,
            ["HardSigmoid"] = a => Linear(a.GetSingle("alpha", 0.2f), a.GetSingle("beta", 0.5f)),
            ["HardSwish"] = _ => x => x * Math.Clamp(x / 6 + 0.5, 0, 1),
            ["LeakyRelu"] = a => Leaky(a.GetSingle("alpha", 0.01f)),
            ["Log"] = _ => Math.Log,
            ["Mish"] = _ => x => x * Math.Tanh(Softplus(x)),
            ["Reciprocal"] = _ => x => 1 / x,
            ["Round"] = _ => x => Math.Round(x, MidpointRounding.ToEven),
            ["Selu"] = a => Elu(a.GetSingle("alpha", SeluAlpha), a.GetSingle("gamma", SeluGamma)),
            ["Shrink"] = a => Shrink(a.GetSingle("lambd", 0.5f), a.GetSingle("bias")),
            ["Sigmoid"] = _ => x => 1 / (1 + Math.Exp(-x)),
            ["Sin"] = _ => Math.Sin,
            ["Sinh"] = _ => Math.Sinh,
            ["Softplus"] = _ => Softplus,
            ["Softsign"] = _ => x => x / (1 + Math.Abs(x)),
            ["Sqrt"] = _ => Math.Sqrt,
            ["Swish"] = a => Swish(a.GetSingle("alpha", 1)),
            ["Tan"] = _ => Math.Tan,
            ["Tanh"] = _ => Math.Tanh,
            ["ThresholdedRelu"] = a => Thresholded(a.GetSingle("alpha", 1)),
        }.ToFrozenDictionary();

    /// <summary>The defaults of Selu.</summary>
    public const float SeluAlpha = 1.67326319217681884765625f, SeluGamma = 1.05070102214813232421875f;

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

    private static Func<double, double> Elu(double alpha, double gamma) => x => gamma * (x < 0 ? alpha * (Math.Exp(x) - 1) : x);

    private static Func<double, double> Celu(double alpha) => x => x < 0 ? alpha * (Math.Exp(x / alpha) - 1) : x;

    private static Func<double, double> Swish(double alpha) => x => x / (1 + Math.Exp(-alpha * x));

    private static Func<double, double> Thresholded(double alpha) => x => x > alpha ? x : 0;

    private static Func<double, double> Shrink(double lambda, double bias) => x => x < -lambda ? x + bias : x > lambda ? x - bias : 0;

    private static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    private static double GeluTanh(double x) => x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))) / 2;

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
