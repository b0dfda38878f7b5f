// Normative scalar semantics of element-wise functions.
namespace Int8Runtime;

/// <summary>
/// Evaluates element-wise functions on f32. Functions made of additions, multiplications, comparisons and roundings are
/// exact as written; the transcendental ones are computed in f64 and rounded once.
/// </summary>
public static class EltwiseMath
{
    /// <summary>The function's value at <paramref name="x"/>.</summary>
    public static float Evaluate(EltwiseAlgorithm algorithm, float x, float alpha = 0, float beta = 0) => algorithm switch
    {
        EltwiseAlgorithm.Relu => x > 0 ? x : alpha == 0 ? 0f : alpha * x,
        EltwiseAlgorithm.Tanh => (float)Math.Tanh(x),
        EltwiseAlgorithm.Elu => x > 0 ? x : (float)(alpha * ExpM1(x)),
        EltwiseAlgorithm.Square => x * x,
        EltwiseAlgorithm.Abs => MathF.Abs(x),
        EltwiseAlgorithm.Sqrt => MathF.Sqrt(x),
        EltwiseAlgorithm.Linear => MathF.FusedMultiplyAdd(alpha, x, beta),
        EltwiseAlgorithm.SoftRelu => (float)(SoftPlus((double)alpha * x) / alpha),
        EltwiseAlgorithm.HardSigmoid => Clamp(MathF.FusedMultiplyAdd(alpha, x, beta), 0, 1),
        EltwiseAlgorithm.Logistic => (float)Logistic(x),
        EltwiseAlgorithm.Exp => (float)Math.Exp(x),
        EltwiseAlgorithm.GeluTanh => (float)(0.5 * x * (1 + Math.Tanh(0.797884560802865 * x * (1 + (0.044715 * x * x))))),
        EltwiseAlgorithm.Swish => (float)(x * Logistic((double)alpha * x)),
        EltwiseAlgorithm.Log => (float)Math.Log(x),
        EltwiseAlgorithm.Clip => Clamp(x, alpha, beta),
        EltwiseAlgorithm.Pow => (float)(alpha * Math.Pow(x, beta)),
        EltwiseAlgorithm.GeluErf => (float)(0.5 * x * (1 + Erf(x / Math.Sqrt(2)))),
        EltwiseAlgorithm.Round => MathF.Round(x, MidpointRounding.ToEven),
        EltwiseAlgorithm.Mish => (float)(x * Math.Tanh(SoftPlus(x))),
        EltwiseAlgorithm.HardSwish => x * Clamp(MathF.FusedMultiplyAdd(alpha, x, beta), 0, 1),
        EltwiseAlgorithm.Erf => (float)Erf(x),
        EltwiseAlgorithm.Floor => MathF.Floor(x),
        EltwiseAlgorithm.Ceil => MathF.Ceiling(x),
        EltwiseAlgorithm.Reciprocal => 1f / x,
        EltwiseAlgorithm.Sign => float.IsNaN(x) ? x : x > 0 ? 1 : x < 0 ? -1 : 0,
        _ => throw new ArgumentOutOfRangeException(nameof(algorithm), algorithm, "Unknown element-wise function."),
    };

    /// <summary>The value of a binary function.</summary>
    public static float Evaluate(BinaryAlgorithm algorithm, float x, float y) => algorithm switch
    {
        BinaryAlgorithm.Add => x + y,
        BinaryAlgorithm.Multiply => x * y,
        BinaryAlgorithm.Maximum => x > y ? x : y,
        BinaryAlgorithm.Minimum => x < y ? x : y,
        BinaryAlgorithm.Divide => x / y,
        BinaryAlgorithm.Subtract => x - y,
        BinaryAlgorithm.GreaterOrEqual => x >= y ? 1 : 0,
        BinaryAlgorithm.Greater => x > y ? 1 : 0,
        BinaryAlgorithm.LessOrEqual => x <= y ? 1 : 0,
        BinaryAlgorithm.Less => x < y ? 1 : 0,
        BinaryAlgorithm.Equal => x == y ? 1 : 0,
        BinaryAlgorithm.NotEqual => x != y ? 1 : 0,
        _ => throw new ArgumentOutOfRangeException(nameof(algorithm), algorithm, "Unknown binary function."),
    };

    /// <summary>Lower bound first, so that NaN gives <paramref name="low"/>; as MAXPS and MINPS with the bound as second operand.</summary>
    public static float Clamp(float x, float low, float high)
    {
        float raised = x > low ? x : low;
        return raised < high ? raised : high;
    }

    /// <summary>
    /// The error function: its Maclaurin series for small arguments, the continued fraction of erfc beyond (Abramowitz and Stegun,
    /// 7.1.5 and 7.1.14), with an error below 1e-14.
    /// </summary>
    public static double Erf(double x)
    {
        if (double.IsNaN(x))
            return x;
        double magnitude = Math.Abs(x);
        if (magnitude > 6)
            return Math.Sign(x);

        double value;
        if (magnitude < 2.5)
        {
            double term = magnitude, sum = magnitude;
            for (int n = 1; Math.Abs(term) > 1e-18 * sum && n < 200; n++)
            {
                term *= -magnitude * magnitude / n;
                sum += term / ((2 * n) + 1);
            }

            value = 2 / Math.Sqrt(Math.PI) * sum;
        }
        else
        {
            double fraction = magnitude;
            for (int k = 60; k > 0; k--)
                fraction = magnitude + (k / 2.0 / fraction);
            value = 1 - (Math.Exp(-magnitude * magnitude) / Math.Sqrt(Math.PI) / fraction);
        }

        return x < 0 ? -value : value;
    }

    private static double Logistic(double x) => 1 / (1 + Math.Exp(-x));

    private static double ExpM1(double x) => Math.Abs(x) < 1e-5 ? x + (x * x / 2) : Math.Exp(x) - 1;

    private static double SoftPlus(double x) => x > 0 ? x + Log1P(Math.Exp(-x)) : Log1P(Math.Exp(x));

    // Near 0 the series avoids the rounding of 1 + x.
    private static double Log1P(double x) => Math.Abs(x) < 1e-4 ? x - (x * x / 2) + (x * x * x / 3) : Math.Log(1 + x);
}
