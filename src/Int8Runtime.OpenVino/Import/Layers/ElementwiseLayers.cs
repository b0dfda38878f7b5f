// Layers that act on each element: activations, arithmetic, comparisons, logic.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class ElementwiseLayers
{
    /// <summary>Functions of one tensor without parameters: layer type, operator, newest operator set.</summary>
    public static readonly (string Type, string OpType, int Newest)[] Unary =
    [
        ("Abs", "Abs", 1), ("Acos", "Acos", 1), ("Acosh", "Acosh", 4), ("Asin", "Asin", 1), ("Asinh", "Asinh", 4), ("Atan", "Atan", 1),
        ("Atanh", "Atanh", 4), ("Ceiling", "Ceil", 1), ("Cos", "Cos", 1), ("Cosh", "Cosh", 1), ("Erf", "Erf", 1), ("Exp", "Exp", 1),
        ("Floor", "Floor", 1), ("HSwish", "HardSwish", 4), ("IsInf", "IsInf", 10), ("IsNaN", "IsNaN", 10), ("Log", "Log", 1),
        ("LogicalNot", "Not", 1), ("Mish", "Mish", 4), ("Negative", "Neg", 1), ("ReLU", "Relu", 1), ("Sigmoid", "Sigmoid", 1),
        ("Sign", "Sign", 1), ("Sin", "Sin", 1), ("Sinh", "Sinh", 1), ("SoftPlus", "Softplus", 4), ("SoftSign", "Softsign", 9),
        ("Sqrt", "Sqrt", 1), ("Tan", "Tan", 1), ("Tanh", "Tanh", 1),
    ];

    /// <summary>Functions of two broadcast tensors.</summary>
    public static readonly (string Type, string OpType, int Newest)[] Binary =
    [
        ("Add", "Add", 1), ("Equal", "Equal", 1), ("Greater", "Greater", 1), ("GreaterEqual", "GreaterOrEqual", 1), ("Less", "Less", 1),
        ("LessEqual", "LessOrEqual", 1), ("LogicalAnd", "And", 1), ("LogicalOr", "Or", 1), ("LogicalXor", "Xor", 1), ("Maximum", "Max", 1),
        ("Minimum", "Min", 1), ("Power", "Pow", 1),
    ];

    public static void ImportBinary(LayerContext layer, string opType)
    {
        CheckBroadcast(layer);
        layer.Emit(opType, [layer.Input(0), layer.Input(1)]);
    }

    /// <summary>Refuses the broadcasting of PaddlePaddle, which aligns shapes at another dimension.</summary>
    public static void CheckBroadcast(LayerContext layer)
    {
        if (layer.Text("auto_broadcast", "numpy") is var mode && mode is not ("numpy" or "none"))
            throw layer.Unsupported($"broadcasts in the way '{mode}'");
    }

    // A quotient of integers is rounded down: (a − a mod b) / b with the remainder's sign that of b.
    public static void Divide(LayerContext layer)
    {
        CheckBroadcast(layer);
        GraphValue left = layer.Input(0), right = layer.Input(1);
        if (layer.IsInteger(0) && layer.Boolean("m_pythondiv", true))
            left = layer.Step("Sub", [left, layer.Step("Mod", [left, right])]);
        layer.Emit("Div", [left, right]);
    }

    public static void FloorMod(LayerContext layer)
    {
        CheckBroadcast(layer);
        GraphValue left = layer.Input(0), right = layer.Input(1);
        if (layer.IsInteger(0))
            layer.Emit("Mod", [left, right]);
        else
            layer.Emit("Sub", [left, layer.Step("Mul", [layer.Step("Floor", [layer.Step("Div", [left, right])]), right])]);
    }

    public static void NotEqual(LayerContext layer)
    {
        CheckBroadcast(layer);
        layer.Emit("Not", [layer.Step("Equal", [layer.Input(0), layer.Input(1)])]);
    }

    public static void SquaredDifference(LayerContext layer)
    {
        CheckBroadcast(layer);
        GraphValue difference = layer.Step("Sub", [layer.Input(0), layer.Input(1)]);
        layer.Emit("Mul", [difference, difference]);
    }

    public static void Clamp(LayerContext layer)
    {
        double low = layer.Real("min"), high = layer.Real("max");
        if (layer.IsInteger(0))
            (low, high) = (Math.Ceiling(low), Math.Floor(high));
        layer.Emit("Clip", [layer.Input(0), layer.AddNumber("min", low, 0), layer.AddNumber("max", high, 0)]);
    }

    public static void Gelu(LayerContext layer)
    {
        string mode = layer.Text("approximation_mode", "ERF").ToUpperInvariant();
        layer.Emit("Gelu", [layer.Input(0)], new GraphAttributes { { "approximate", mode == "TANH" ? "tanh" : "none" } });
    }

    // min(max(x + 3, 0), 6) / 6
    public static void HSigmoid(LayerContext layer) =>
        layer.Emit("HardSigmoid", [layer.Input(0)], new GraphAttributes { { "alpha", 1f / 6f }, { "beta", 0.5f } });

    public static void HardSigmoid(LayerContext layer) => layer.Emit("HardSigmoid", [layer.Input(0)], new GraphAttributes
    {
        { "alpha", Number(layer, 1, "alpha") }, { "beta", Number(layer, 2, "beta") },
    });

    public static void Selu(LayerContext layer) => layer.Emit("Selu", [layer.Input(0)], new GraphAttributes
    {
        { "alpha", Number(layer, 1, "alpha") }, { "gamma", Number(layer, 2, "lambda") },
    });

    public static void IsFinite(LayerContext layer)
    {
        GraphValue special = layer.Step("Or", [layer.Step("IsNaN", [layer.Input(0)]), layer.Step("IsInf", [layer.Input(0)])]);
        layer.Emit("Not", [special]);
    }

    // A list of slopes belongs to the channels, whatever the rank.
    public static void PRelu(LayerContext layer)
    {
        TensorData? slope = layer.Constant(1);
        if (slope is { ElementCount: 1 })
        {
            layer.Emit("LeakyRelu", [layer.Input(0)], new GraphAttributes { { "alpha", slope.ToSingleArray()[0] } });
            return;
        }

        int rank = layer.Rank(0);
        bool perChannel = layer.Rank(1) == 1 && rank > 2;
        if (!perChannel)
            layer.Emit("PRelu", [layer.Input(0), layer.Input(1)]);
        else if (slope is not null)
            layer.Emit("PRelu", [layer.Input(0),
                layer.AddConstant("slope", slope.Reshaped([slope.ElementCount, .. Shape.Filled(rank - 2, 1)]))]);
        else
            layer.Emit("PRelu", [layer.Input(0),
                layer.Step("Reshape", [layer.Input(1), layer.AddIntegers("shape", [-1, .. Enumerable.Repeat(1L, rank - 2)])])]);
    }

    public static void Round(LayerContext layer)
    {
        string mode = layer.Text("mode", "half_to_even").ToLowerInvariant();
        if (mode == "half_to_even")
        {
            layer.Emit("Round", [layer.Input(0)]);
            return;
        }

        if (mode != "half_away_from_zero")
            throw layer.Unsupported($"rounds in the way '{mode}'");
        if (layer.IsInteger(0))
        {
            layer.Emit("Identity", [layer.Input(0)]);
            return;
        }

        // ⌊|x|⌋, and one more where the rest is at least a half. The rest is exact, whereas |x| + ½ may round up to the next integer.
        GraphValue magnitude = layer.Step("Abs", [layer.Input(0)]), whole = layer.Step("Floor", [magnitude]);
        GraphValue isUp = layer.Step("GreaterOrEqual", [layer.Step("Sub", [magnitude, whole]), layer.AddNumber("half", 0.5, 0)]);
        GraphValue rounded = layer.Step("Add", [whole, layer.Step("CastLike", [isUp, whole])]);
        layer.Emit("Mul", [layer.Step("Sign", [layer.Input(0)]), rounded]);
    }

    public static void Swish(LayerContext layer)
    {
        GraphValue scaled = layer.Input(0);
        bool isPlain = layer.InputCount == 1 || (layer.Constant(1) is { ElementCount: 1 } beta && beta.ToSingleArray()[0] == 1);
        if (!isPlain)
            scaled = layer.Step("Mul", [scaled, layer.Input(1)]);
        layer.Emit("Mul", [layer.Input(0), layer.Step("Sigmoid", [scaled])]);
    }

    private static float Number(LayerContext layer, int index, string role) =>
        layer.KnownConstant(index, role) is { ElementCount: 1 } number ? number.ToSingleArray()[0]
            : throw layer.Defect($"{role} must be one number");
}
