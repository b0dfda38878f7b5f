// Activations, arithmetic and conversions as layers.
using Int8Runtime.Graph;
using Int8Runtime.OpenVino.Import;

namespace Int8Runtime.OpenVino.Export;

internal static class ElementwiseExport
{
    // Quotients of integers are truncated in ONNX.
    private static readonly (string, object) s_truncated = ("m_pythondiv", false);

    public static void Register(Dictionary<string, NodeExporter> table)
    {
        table["Sub"] = static node => node.Emit("Subtract", 1, node.AllInputs());
        table["Mul"] = static node => node.Emit("Multiply", 1, node.AllInputs());
        table["Div"] = static node => node.Emit("Divide", 1, node.AllInputs(), s_truncated);
        table["Sum"] = static node => Chain(node, "Add");
        table["Mean"] = Mean;
        table["Mod"] = static node => node.Emit(node.Attributes.GetBoolean("fmod") ? "Mod" : "FloorMod", 1, node.AllInputs());
        table["Where"] = static node => node.Emit("Select", 1, node.AllInputs());
        table["Clip"] = Clip;
        table["LeakyRelu"] = static node =>
            node.Emit("PReLU", 1, [node.Input(0), node.Number("slope", node.Attributes.GetSingle("alpha", 0.01f))]);
        table["PRelu"] = PRelu;
        table["Elu"] = static node => node.Emit("Elu", 1, [node.Input(0)], ("alpha", node.Attributes.GetSingle("alpha", 1)));
        table["Selu"] = static node => node.Emit("Selu", 1,
        [
            node.Input(0), node.Number("alpha", node.Attributes.GetSingle("alpha", 1.67326319f)),
            node.Number("lambda", node.Attributes.GetSingle("gamma", 1.05070102f)),
        ]);
        table["HardSigmoid"] = static node => node.Emit("HardSigmoid", 1,
        [
            node.Input(0), node.Number("alpha", node.Attributes.GetSingle("alpha", 0.2f)),
            node.Number("beta", node.Attributes.GetSingle("beta", 0.5f)),
        ]);
        table["Gelu"] = static node => node.Emit("Gelu", 7, [node.Input(0)],
            ("approximation_mode", node.Attributes.GetString("approximate", "none") == "tanh" ? "TANH" : "ERF"));
        table["Round"] = static node => node.Emit("Round", 5, [node.Input(0)], ("mode", "half_to_even"));
        table["Reciprocal"] = static node => node.Emit("Divide", 1, [node.Number("one", 1), node.Input(0)], s_truncated);
        table["Swish"] = static node => node.Emit("Swish", 4, [node.Input(0), node.Number("beta", node.Attributes.GetSingle("alpha", 1))]);
        table["Softmax"] = static node => Softmax(node, "SoftMax", 8);
        table["LogSoftmax"] = static node => Softmax(node, "LogSoftmax", 5);
        table["Identity"] = static node => node.Pass(node.Input(0));
        table["Dropout"] = static node => node.Pass(node.Input(0));
        table["Cast"] = static node =>
            node.Emit("Convert", 1, [node.Input(0)], ("destination_type", IrElementTypes.AttributeName(node.ResultType().Type)));
        table["CastLike"] = table["Cast"];
        table["Celu"] = Celu;
        table["ThresholdedRelu"] = ThresholdedRelu;
        table["Shrink"] = Shrink;
        table["CumSum"] = static node => node.Emit("CumSum", 3, node.AllInputs(),
            ("exclusive", node.Attributes.GetBoolean("exclusive")), ("reverse", node.Attributes.GetBoolean("reverse")));
    }

    /// <summary>An operator of two or more operands as a chain of layers of two.</summary>
    public static void Chain(NodeContext node, string type)
    {
        IrValue[] operands = node.AllInputs();
        if (operands.Length == 1)
        {
            node.Pass(operands[0]);
            return;
        }

        IrValue value = operands[0];
        for (int i = 1; i < operands.Length - 1; i++)
            value = node.Step(type, 1, [value, operands[i]], (value.Type, Combined(value.Extents, operands[i].Extents)));
        node.Emit(type, 1, [value, operands[^1]]);
    }

    private static long[] Combined(long[] left, long[] right)
    {
        var result = new long[Math.Max(left.Length, right.Length)];
        for (int i = 1; i <= result.Length; i++)
        {
            long a = i <= left.Length ? left[^i] : 1, b = i <= right.Length ? right[^i] : 1;
            result[^i] = a == 1 ? b : a;
        }

        return result;
    }

    private static void Mean(NodeContext node)
    {
        IrValue[] operands = node.AllInputs();
        IrValue value = operands[0];
        foreach (IrValue operand in operands.Skip(1))
            value = node.Step("Add", 1, [value, operand], (value.Type, Combined(value.Extents, operand.Extents)));
        node.Emit("Divide", 1, [value, node.Number("count", operands.Length)], s_truncated);
    }

    private static void Clip(NodeContext node)
    {
        bool isConstant = node.Node.Inputs.Skip(1).All(i => i is null or { IsConstant: true });
        if (isConstant)
        {
            float low = node.ConstantInput(1)?.ToSingleArray()[0] ?? float.MinValue,
                high = node.ConstantInput(2)?.ToSingleArray()[0] ?? float.MaxValue;
            node.Emit("Clamp", 1, [node.Input(0)], ("min", low), ("max", high));
            return;
        }

        IrValue value = node.Input(0);
        if (node.Has(1) && node.Has(2))
            value = node.Step("Maximum", 1, [value, node.Input(1)], (value.Type, value.Extents));
        node.Emit(node.Has(2) ? "Minimum" : "Maximum", 1, [value, node.Has(2) ? node.Input(2) : node.Input(1)]);
    }

    // The layer takes one slope, or a list that belongs to the channels.
    private static void PRelu(NodeContext node)
    {
        long[] slope = node.Extents(1);
        long count = slope.Aggregate(1L, (a, b) => a * b);
        int rank = node.Rank(0);
        bool isPerChannel = slope.Length >= rank - 1 && rank > 1 && slope.Length <= rank && count == slope[slope.Length - rank + 1];
        node.Emit("PReLU", 1, [node.Input(0), isPerChannel || count == 1 ? node.Reshaped(node.Input(1), [count]) : node.Input(1)]);
    }

    private static void Softmax(NodeContext node, string type, int operatorSet) =>
        node.Emit(type, operatorSet, [node.Input(0)], ("axis", node.Attributes.GetInteger("axis", -1)));

    // α·elu(x / α)
    private static void Celu(NodeContext node)
    {
        IrValue value = node.Input(0), alpha = node.Number("alpha", node.Attributes.GetSingle("alpha", 1));
        (DataType, long[]) same = (value.Type, value.Extents);
        value = node.Step("Elu", 1, [node.Step("Divide", 1, [value, alpha], same, s_truncated)], same, ("alpha", 1f));
        node.Emit("Multiply", 1, [value, alpha]);
    }

    private static void ThresholdedRelu(NodeContext node)
    {
        IrValue value = node.Input(0);
        node.Emit("Select", 1,
            [Compared(node, "Greater", value, node.Number("alpha", node.Attributes.GetSingle("alpha", 1))), value, node.Number("zero", 0)]);
    }

    private static void Shrink(NodeContext node)
    {
        IrValue value = node.Input(0), bias = node.Number("bias", node.Attributes.GetSingle("bias"));
        float bound = node.Attributes.GetSingle("lambd", 0.5f);
        (DataType, long[]) same = (value.Type, value.Extents);
        IrValue above = node.Step("Select", 1,
        [
            Compared(node, "Greater", value, node.Number("upper", bound)), node.Step("Subtract", 1, [value, bias], same),
            node.Number("zero", 0),
        ], same);
        node.Emit("Select", 1,
            [Compared(node, "Less", value, node.Number("lower", -bound)), node.Step("Add", 1, [value, bias], same), above]);
    }

    private static IrValue Compared(NodeContext node, string type, IrValue value, IrValue bound) =>
        node.Step(type, 1, [value, bound], (DataType.Boolean, value.Extents));
}
