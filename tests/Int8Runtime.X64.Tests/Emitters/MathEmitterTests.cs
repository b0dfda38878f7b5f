// Vector functions against their values in f64: largest error in ulps over dense samples, and special values.
using Int8Runtime.Jit;

namespace Int8Runtime.X64.Tests;

public sealed unsafe class MathEmitterTests
{
    private const double Sqrt8OverPi = 1.5957691216057308;

    private struct Arguments
    {
        public float* Data;
        public long Vectors;
    }

    [Theory]
    [InlineData("exp", -110, 95, 2)]
    [InlineData("expm1", -110, 87, 3)]
    [InlineData("tanh", -20, 20, 3)]
    [InlineData("logistic", -110, 110, 3)]
    [InlineData("softplus", -110, 110, 4)]
    [InlineData("erf", -8, 8, 3)]
    [InlineData("gelu_erf", -12, 12, 8)]
    [InlineData("gelu_tanh", -8, 20, 6)]
    [InlineData("swish", -80, 80, 4)]
    [InlineData("mish", -80, 80, 6)]
    [InlineData("log", 1e-3, 1e3, 2)]
    [InlineData("pow_-0.75", 1e-3, 1e3, 4)]
    [InlineData("pow_2", -1e3, 1e3, 4)]
    [InlineData("pow_3", -1e3, 1e3, 4)]
    [InlineData("pow_0.3", 0, 1e3, 3)]
    [InlineData("pow_2.2", 0, 1e3, 7)]
    [InlineData("pow_-5", -1e3, 1e3, 12)]
    [InlineData("pow_7", -1e3, 1e3, 16)]
    public void Errors_stay_within_the_stated_ulps(string function, double low, double high, double allowedUlps)
    {
        // Evenly spaced points, and every magnitude between 1e-38 and the interval's end.
        const int Points = 1 << 17;
        var random = new Random(11);
        List<float> inputs = [];
        for (int i = 0; i < Points; i++)
            inputs.Add((float)(low + ((high - low) * i / Points)));
        for (int i = 0; i < Points; i++)
        {
            float magnitude = (float)Math.Pow(10, -38 + (random.NextDouble() * (38 + Math.Log10(high))));
            inputs.Add(low < 0 && random.Next(2) == 0 ? -magnitude : magnitude);
        }

        foreach (Isa isa in EmitterTiers.Runnable)
        {
            float[] results = Evaluate(isa, function, inputs);
            double worst = 0;
            float worstAt = 0;
            for (int i = 0; i < results.Length; i++)
            {
                double error = UlpsBetween(Reference(function, inputs[i]), results[i]) - ArgumentUlps(function, inputs[i]);
                if (error > worst)
                    (worst, worstAt) = (error, inputs[i]);
            }
            Assert.True(worst <= allowedUlps, $"{function} on {IsaTiers.NameOf(isa)}: {worst:F2} ulp at {worstAt:R}");
        }
    }

    [Theory]
    [InlineData("exp", float.PositiveInfinity, float.NegativeInfinity, float.NaN, 88.8f, -104.5f, 0f)]
    [InlineData("expm1", float.NegativeInfinity, float.NaN, -1e30f, 0f, -1e-30f)]
    [InlineData("log", float.PositiveInfinity, float.NegativeInfinity, float.NaN, 0f, -0f, -1f, 1e-42f, 1f, 3.4e38f)]
    [InlineData("tanh", float.PositiveInfinity, float.NegativeInfinity, float.NaN, 1e30f, -1e30f, 1e-40f, 0f)]
    [InlineData("logistic", float.PositiveInfinity, float.NegativeInfinity, float.NaN, 1e30f, -1e30f, 0f)]
    [InlineData("softplus", float.PositiveInfinity, float.NegativeInfinity, float.NaN, 1e30f, -1e30f, 0f)]
    [InlineData("erf", float.PositiveInfinity, float.NegativeInfinity, float.NaN, 1e30f, -1e30f, 1e-30f, 0f)]
    [InlineData("gelu_erf", float.PositiveInfinity, float.NaN, 1e30f, -1e30f, 0f)]
    [InlineData("swish", float.PositiveInfinity, float.NaN, 1e30f, -1e30f, 0f)]
    [InlineData("mish", float.PositiveInfinity, float.NaN, 1e30f, -1e30f, 0f)]
    [InlineData("pow_0.3", float.PositiveInfinity, float.NaN, 0f, -1f, 1e-42f)]
    [InlineData("pow_-1.3", float.PositiveInfinity, float.NaN, 0f, -1f)]
    [InlineData("pow_5", float.PositiveInfinity, float.NegativeInfinity, float.NaN, 0f, -2f, 1e10f, -1e10f)]
    [InlineData("pow_-5", float.PositiveInfinity, float.NegativeInfinity, float.NaN, 0f, -2f, 1e10f, -1e-10f)]
    [InlineData("pow_40", float.PositiveInfinity, float.NaN, 0f, -2f, 1e10f, 1e-10f)]
    [InlineData("pow_0", float.PositiveInfinity, 0f, -2f)]
    [InlineData("pow_-1", float.PositiveInfinity, float.NaN, 0f, -2f)]
    public void Special_values_are_those_of_the_scalar_function(string function, params float[] inputs)
    {
        foreach (Isa isa in EmitterTiers.Runnable)
        {
            float[] results = Evaluate(isa, function, [.. inputs]);
            for (int i = 0; i < inputs.Length; i++)
            {
                double expected = Reference(function, inputs[i]);
                bool same = double.IsNaN(expected) ? float.IsNaN(results[i]) : UlpsBetween(expected, results[i]) <= 12;
                Assert.True(same, $"{function}({inputs[i]:R}) on {IsaTiers.NameOf(isa)} is {results[i]:R}, not {(float)expected:R}");
            }
        }
    }

    private static float[] Evaluate(Isa isa, string function, List<float> inputs)
    {
        using CompiledKernel kernel = EmitterTiers.Compile(isa, function, asm => EmitKernel(asm, function));
        int lanes = IsaTraits.For(isa).Lanes32;
        int vectors = (inputs.Count + lanes - 1) / lanes;
        var data = new float[vectors * lanes];
        inputs.CopyTo(data);
        fixed (float* pointer = data)
        {
            var arguments = new Arguments { Data = pointer, Vectors = vectors };
            kernel.Invoke(&arguments);
        }
        return data[..inputs.Count];
    }

    // Only as many vector registers are left free as the emitter says that it needs.
    private static void EmitKernel(KernelAssembler asm, string function)
    {
        using Gpr data = asm.Registers.Gpr("data"), vectors = asm.Registers.Gpr("vectors");
        asm.Mov(data, asm.Arguments[0]);
        asm.Mov(vectors, asm.Arguments[8]);
        using Vec x = asm.Registers.Vec("x");
        using VecArray others = asm.Registers.Vecs("other", asm.Registers.Free(RegisterClass.Vector) - MathEmitter.Temporaries);
        var math = new MathEmitter(asm);
        asm.CountDown(vectors, () =>
        {
            asm.Emit(VectorOp.Vmovups, x, data[0]);
            Emit(math, function, x);
            asm.Emit(VectorOp.Vmovups, data[0], x);
            asm.Add(data, asm.Traits.VectorBytes);
        });
    }

    private static void Emit(MathEmitter math, string function, Vec x)
    {
        switch (function)
        {
            case "exp": math.Exp(x); break;
            case "expm1": math.ExpMinus1(x); break;
            case "log": math.Log(x); break;
            case "tanh": math.Tanh(x); break;
            case "logistic": math.Logistic(x); break;
            case "softplus": math.SoftPlus(x); break;
            case "erf": math.Erf(x); break;
            case "gelu_erf": math.GeluErf(x); break;
            case "gelu_tanh": math.GeluTanh(x); break;
            case "swish": math.Swish(x, 1.25f); break;
            case "mish": math.Mish(x); break;
            default: math.Pow(x, ExponentOf(function)); break;
        }
    }

    private static double Reference(string function, double x) => function switch
    {
        "exp" => Math.Exp(x),
        "expm1" => Math.Abs(x) < 1e-5 ? x + (x * x / 2) + (x * x * x / 6) : Math.Exp(x) - 1,
        "log" => Math.Log(x),
        "tanh" => Math.Tanh(x),
        "logistic" => 1 / (1 + Math.Exp(-x)),
        "softplus" => SoftPlus(x),
        "erf" => Math.Abs(x) < 1e-4 ? 2 / Math.Sqrt(Math.PI) * x * (1 - (x * x / 3)) : EltwiseMath.Erf(x),
        "gelu_erf" => x < -1e20 ? 0 : x * (x < 0 ? 0.5 * Erfc(-x / Math.Sqrt(2)) : 1 - (0.5 * Erfc(x / Math.Sqrt(2)))),
        "gelu_tanh" => x / (1 + Math.Exp(-Sqrt8OverPi * x * (1 + (0.044715 * x * x)))),
        "swish" => x < -1e20 ? 0 : x / (1 + Math.Exp(-1.25 * x)),
        "mish" => x < -1e20 ? 0 : x * Math.Tanh(SoftPlus(x)),
        _ => Math.Pow(x, ExponentOf(function)),
    };

    private static float ExponentOf(string function)
        => float.Parse(function.AsSpan(4), System.Globalization.CultureInfo.InvariantCulture);

    // What the rounding of a logistic's negative argument adds.
    private static double ArgumentUlps(string function, double x) => function switch
    {
        "swish" => Math.Max(0, -1.25 * x),
        "gelu_tanh" => Math.Max(0, -3 * Sqrt8OverPi * x * (1 + (0.044715 * x * x))),
        _ => 0,
    };

    private static double SoftPlus(double x)
    {
        double z = Math.Exp(-Math.Abs(x));
        return Math.Max(x, 0) + (z < 1e-5 ? z - (z * z / 2) + (z * z * z / 3) : Math.Log(1 + z));
    }

    // Continued fraction for large arguments, where 1 − erf cancels.
    private static double Erfc(double a)
    {
        if (double.IsNaN(a) || a < 2)
            return 1 - EltwiseMath.Erf(a);
        double fraction = a;
        for (int k = 100; k > 0; k--)
            fraction = a + (k / 2.0 / fraction);
        return Math.Exp(-a * a) / Math.Sqrt(Math.PI) / fraction;
    }

    private static double UlpsBetween(double expected, float actual)
    {
        if (double.IsNaN(expected))
            return float.IsNaN(actual) ? 0 : double.PositiveInfinity;
        float rounded = (float)expected;
        if (float.IsInfinity(rounded) || float.IsInfinity(actual))
            return rounded == actual ? 0 : double.PositiveInfinity;
        double ulp = Math.Max(float.Epsilon, (double)MathF.BitIncrement(MathF.Abs(rounded)) - MathF.Abs(rounded));
        return Math.Abs(expected - actual) / ulp;
    }
}
