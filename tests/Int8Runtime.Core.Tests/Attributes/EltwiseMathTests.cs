// Known values of the element-wise functions.
namespace Int8Runtime.Core.Tests.Attributes;

public sealed class EltwiseMathTests
{
    [Theory]
    [InlineData(EltwiseAlgorithm.Relu, -2f, 0f, 0f, 0f)]
    [InlineData(EltwiseAlgorithm.Relu, -2f, 0.25f, 0f, -0.5f)]
    [InlineData(EltwiseAlgorithm.Relu, 3f, 0.25f, 0f, 3f)]
    [InlineData(EltwiseAlgorithm.Tanh, 0.5f, 0f, 0f, 0.46211717f)]
    [InlineData(EltwiseAlgorithm.Elu, -1f, 2f, 0f, -1.2642411f)]
    [InlineData(EltwiseAlgorithm.Elu, -1e-6f, 1f, 0f, -9.9999954e-7f)]
    [InlineData(EltwiseAlgorithm.Square, -3f, 0f, 0f, 9f)]
    [InlineData(EltwiseAlgorithm.Abs, -3f, 0f, 0f, 3f)]
    [InlineData(EltwiseAlgorithm.Sqrt, 2f, 0f, 0f, 1.4142135f)]
    [InlineData(EltwiseAlgorithm.Linear, 3f, 2f, 1f, 7f)]
    [InlineData(EltwiseAlgorithm.SoftRelu, 0f, 1f, 0f, 0.6931472f)]
    [InlineData(EltwiseAlgorithm.SoftRelu, 1000f, 1f, 0f, 1000f)]
    [InlineData(EltwiseAlgorithm.SoftRelu, -10f, 1f, 0f, 4.5398901e-5f)]
    [InlineData(EltwiseAlgorithm.SoftRelu, 0f, 2f, 0f, 0.3465736f)]
    [InlineData(EltwiseAlgorithm.HardSigmoid, 1f, 0.2f, 0.5f, 0.7f)]
    [InlineData(EltwiseAlgorithm.HardSigmoid, 9f, 0.2f, 0.5f, 1f)]
    [InlineData(EltwiseAlgorithm.Logistic, 2f, 0f, 0f, 0.88079708f)]
    [InlineData(EltwiseAlgorithm.Exp, 1f, 0f, 0f, 2.7182817f)]
    [InlineData(EltwiseAlgorithm.GeluTanh, 1f, 0f, 0f, 0.841192f)]
    [InlineData(EltwiseAlgorithm.GeluErf, 1f, 0f, 0f, 0.8413447f)]
    [InlineData(EltwiseAlgorithm.GeluErf, -3f, 0f, 0f, -0.0040496939f)]
    [InlineData(EltwiseAlgorithm.Swish, 1f, 1f, 0f, 0.7310586f)]
    [InlineData(EltwiseAlgorithm.Log, 2f, 0f, 0f, 0.6931472f)]
    [InlineData(EltwiseAlgorithm.Clip, 7f, 0f, 6f, 6f)]
    [InlineData(EltwiseAlgorithm.Clip, -7f, 0f, 6f, 0f)]
    [InlineData(EltwiseAlgorithm.Pow, 3f, 2f, 2f, 18f)]
    [InlineData(EltwiseAlgorithm.Round, 2.5f, 0f, 0f, 2f)]
    [InlineData(EltwiseAlgorithm.Round, -1.5f, 0f, 0f, -2f)]
    [InlineData(EltwiseAlgorithm.Mish, 1f, 0f, 0f, 0.86509836f)]
    [InlineData(EltwiseAlgorithm.HardSwish, 1f, 0.25f, 0.5f, 0.75f)]
    [InlineData(EltwiseAlgorithm.HardSwish, -9f, 0.25f, 0.5f, 0f)]
    [InlineData(EltwiseAlgorithm.Erf, 0.5f, 0f, 0f, 0.5204999f)]
    [InlineData(EltwiseAlgorithm.Floor, -1.5f, 0f, 0f, -2f)]
    [InlineData(EltwiseAlgorithm.Ceil, -1.5f, 0f, 0f, -1f)]
    [InlineData(EltwiseAlgorithm.Reciprocal, 4f, 0f, 0f, 0.25f)]
    [InlineData(EltwiseAlgorithm.Sign, -4f, 0f, 0f, -1f)]
    [InlineData(EltwiseAlgorithm.Sign, 4f, 0f, 0f, 1f)]
    [InlineData(EltwiseAlgorithm.Sign, 0f, 0f, 0f, 0f)]
    [InlineData(EltwiseAlgorithm.Elu, 3f, 2f, 0f, 3f)]
    [InlineData(EltwiseAlgorithm.GeluTanh, 2f, 0f, 0f, 1.9545977f)]
    [InlineData(EltwiseAlgorithm.GeluTanh, -0.5f, 0f, 0f, -0.1542860f)]
    [InlineData(EltwiseAlgorithm.Swish, 2f, 0.5f, 0f, 1.4621172f)]
    [InlineData(EltwiseAlgorithm.SoftRelu, -20f, 1f, 0f, 2.0611536e-9f)]
    public void Has_known_values(EltwiseAlgorithm algorithm, float x, float alpha, float beta, float expected)
    {
        float actual = EltwiseMath.Evaluate(algorithm, x, alpha, beta);
        Assert.InRange(actual, expected - (MathF.Abs(expected) * 2e-7f), expected + (MathF.Abs(expected) * 2e-7f));
    }

    [Fact]
    public void Every_function_is_defined_and_has_a_known_value()
    {
        var tested = typeof(EltwiseMathTests).GetMethod(nameof(Has_known_values))!
            .GetCustomAttributesData().Where(a => a.AttributeType == typeof(InlineDataAttribute))
            .Select(a => (EltwiseAlgorithm)(
                (IReadOnlyList<System.Reflection.CustomAttributeTypedArgument>)a.ConstructorArguments[0].Value!)[0].Value!);
        Assert.Equal(Enum.GetValues<EltwiseAlgorithm>(), tested.Distinct().Order());
        Assert.Throws<ArgumentOutOfRangeException>(() => EltwiseMath.Evaluate((EltwiseAlgorithm)999, 1f));
    }

    // Functions in which NaN does not survive: comparisons send it to a bound.
    private static readonly Dictionary<EltwiseAlgorithm, float> NaNResults = new()
    {
        [EltwiseAlgorithm.Relu] = 0, [EltwiseAlgorithm.Clip] = -1, [EltwiseAlgorithm.HardSigmoid] = 0,
    };

    [Fact]
    public void NaN_gives_NaN_except_where_a_bound_catches_it()
    {
        foreach (EltwiseAlgorithm algorithm in Enum.GetValues<EltwiseAlgorithm>())
        {
            float alpha = algorithm switch { EltwiseAlgorithm.Relu => 0, EltwiseAlgorithm.Clip => -1, _ => 1 };
            float expected = NaNResults.GetValueOrDefault(algorithm, float.NaN);
            Assert.Equal(expected, EltwiseMath.Evaluate(algorithm, float.NaN, alpha, 2f));
        }
    }

    [Theory]
    [InlineData(EltwiseAlgorithm.Tanh, 1f, -1f)]
    [InlineData(EltwiseAlgorithm.Logistic, 1f, 0f)]
    [InlineData(EltwiseAlgorithm.Exp, float.PositiveInfinity, 0f)]
    [InlineData(EltwiseAlgorithm.Erf, 1f, -1f)]
    [InlineData(EltwiseAlgorithm.SoftRelu, float.PositiveInfinity, 0f)]
    [InlineData(EltwiseAlgorithm.Elu, float.PositiveInfinity, -1f)]
    [InlineData(EltwiseAlgorithm.Clip, 2f, 1f)]
    public void Infinities_reach_the_limits(EltwiseAlgorithm algorithm, float atPlus, float atMinus)
    {
        Assert.Equal(atPlus, EltwiseMath.Evaluate(algorithm, float.PositiveInfinity, 1f, 2f));
        Assert.Equal(atMinus, EltwiseMath.Evaluate(algorithm, float.NegativeInfinity, 1f, 2f));
    }

    [Theory]
    [InlineData(0.5, 0.5204998778130465)]
    [InlineData(1.0, 0.8427007929497149)]
    [InlineData(2.0, 0.9953222650189527)]
    [InlineData(2.5, 0.9995930479825550)]
    [InlineData(3.0, 0.9999779095030014)]
    [InlineData(-2.49, -0.9995707)]
    public void Error_function_is_exact_to_twelve_digits_across_the_seam(double x, double expected)
    {
        double tolerance = x < 0 ? 1e-7 : 1e-12;
        Assert.InRange(EltwiseMath.Erf(x), expected - tolerance, expected + tolerance);
        Assert.Equal(EltwiseMath.Erf(x), -EltwiseMath.Erf(-x));
    }

    [Theory]
    [InlineData(BinaryAlgorithm.Add, 5f)]
    [InlineData(BinaryAlgorithm.Multiply, 6f)]
    [InlineData(BinaryAlgorithm.Maximum, 3f)]
    [InlineData(BinaryAlgorithm.Minimum, 2f)]
    [InlineData(BinaryAlgorithm.Divide, 1.5f)]
    [InlineData(BinaryAlgorithm.Subtract, 1f)]
    [InlineData(BinaryAlgorithm.GreaterOrEqual, 1f)]
    [InlineData(BinaryAlgorithm.Greater, 1f)]
    [InlineData(BinaryAlgorithm.LessOrEqual, 0f)]
    [InlineData(BinaryAlgorithm.Less, 0f)]
    [InlineData(BinaryAlgorithm.Equal, 0f)]
    [InlineData(BinaryAlgorithm.NotEqual, 1f)]
    public void Binary_functions_of_three_and_two(BinaryAlgorithm algorithm, float expected) =>
        Assert.Equal(expected, EltwiseMath.Evaluate(algorithm, 3f, 2f));

    [Fact]
    public void Maximum_and_minimum_return_the_second_operand_when_one_is_NaN()
    {
        Assert.Equal(2f, EltwiseMath.Evaluate(BinaryAlgorithm.Maximum, float.NaN, 2f));
        Assert.Equal(float.NaN, EltwiseMath.Evaluate(BinaryAlgorithm.Minimum, 2f, float.NaN));
        Assert.Equal(-1f, EltwiseMath.Clamp(float.NaN, -1f, 1f));
    }
}
