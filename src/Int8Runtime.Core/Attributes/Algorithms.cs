// The element-wise functions that primitives and post-ops share.
namespace Int8Runtime;

/// <summary>Unary element-wise functions of <c>x</c> with parameters α and β.</summary>
public enum EltwiseAlgorithm
{
    /// <summary>x if x &gt; 0, else α·x.</summary>
    Relu,

    /// <summary>tanh x.</summary>
    Tanh,

    /// <summary>x if x &gt; 0, else α·(eˣ − 1).</summary>
    Elu,

    /// <summary>x².</summary>
    Square,

    /// <summary>|x|.</summary>
    Abs,

    /// <summary>√x.</summary>
    Sqrt,

    /// <summary>α·x + β.</summary>
    Linear,

    /// <summary>ln(1 + e^(α·x)) / α.</summary>
    SoftRelu,

    /// <summary>max(0, min(1, α·x + β)).</summary>
    HardSigmoid,

    /// <summary>1 / (1 + e^(−x)).</summary>
    Logistic,

    /// <summary>eˣ.</summary>
    Exp,

    /// <summary>GELU by the tanh approximation.</summary>
    GeluTanh,

    /// <summary>x·logistic(α·x).</summary>
    Swish,

    /// <summary>ln x.</summary>
    Log,

    /// <summary>max(α, min(β, x)); NaN gives α.</summary>
    Clip,

    /// <summary>α·x^β.</summary>
    Pow,

    /// <summary>½·x·(1 + erf(x/√2)).</summary>
    GeluErf,

    /// <summary>x rounded to the nearest even integer.</summary>
    Round,

    /// <summary>x·tanh(ln(1 + eˣ)).</summary>
    Mish,

    /// <summary>x·max(0, min(1, α·x + β)).</summary>
    HardSwish,

    /// <summary>erf x.</summary>
    Erf,

    /// <summary>The largest integer that is not above x.</summary>
    Floor,

    /// <summary>The smallest integer that is not below x.</summary>
    Ceil,

    /// <summary>1 / x.</summary>
    Reciprocal,

    /// <summary>−1, 0 or 1.</summary>
    Sign,
}

/// <summary>Binary element-wise functions of <c>x</c> and <c>y</c>; comparisons give 1 or 0.</summary>
public enum BinaryAlgorithm
{
    /// <summary>x + y.</summary>
    Add,

    /// <summary>x · y.</summary>
    Multiply,

    /// <summary>max(x, y).</summary>
    Maximum,

    /// <summary>min(x, y).</summary>
    Minimum,

    /// <summary>x / y.</summary>
    Divide,

    /// <summary>x − y.</summary>
    Subtract,

    /// <summary>x ≥ y.</summary>
    GreaterOrEqual,

    /// <summary>x &gt; y.</summary>
    Greater,

    /// <summary>x ≤ y.</summary>
    LessOrEqual,

    /// <summary>x &lt; y.</summary>
    Less,

    /// <summary>x = y.</summary>
    Equal,

    /// <summary>x ≠ y.</summary>
    NotEqual,
}
