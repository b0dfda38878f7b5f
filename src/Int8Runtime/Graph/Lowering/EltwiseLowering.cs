// Unary element-wise operators.
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Graph.Lowering;

/// <summary>Operators that are an element-wise function of one tensor with constant parameters.</summary>
internal sealed class EltwiseLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } =
    [
        "Relu", "LeakyRelu", "Elu", "Clip", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Mish", "Softplus", "Exp", "Log",
        "Sqrt", "Abs", "Neg", "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Erf", "Gelu", "Pow", "Selu", "Celu", "Swish",
    ];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0);
        if (source.Edge.Type != DataType.Float32)
            context.EmitHost(node, $"no primitive computes it on {source.Edge.Type.ToShortName()}");
        else if (Functions(node, source) is { } functions)
            EmitChain(node, context, source, functions);
        else
            context.EmitHost(node, "the parameters are not constant numbers");
    }

    private static void EmitChain(GraphNode node, LoweringContext context, Operand source, EltwiseSpec[] functions)
    {
        foreach (EltwiseSpec function in functions[..^1])
            source = new Operand(context.EmitStep(node, function, DataType.Float32, source.Shape, source).Output);
        context.Emit(node, functions[^1], source);
    }

    // One function, or several that are applied one after the other.
    private static EltwiseSpec[]? Functions(GraphNode node, Operand source)
    {
        GraphAttributes attributes = node.Attributes;
        switch (node.OpType)
        {
            case "Selu":
                float gamma = attributes.GetSingle("gamma", UnaryOperators.SeluGamma);
                return [new(EltwiseAlgorithm.Elu, attributes.GetSingle("alpha", UnaryOperators.SeluAlpha)),
                    new(EltwiseAlgorithm.Linear, gamma)];
            case "Celu" when attributes.GetSingle("alpha", 1) is not 1 and not 0 and { } alpha:
                return [new(EltwiseAlgorithm.Linear, 1 / alpha), new(EltwiseAlgorithm.Elu, 1), new(EltwiseAlgorithm.Linear, alpha)];
            default:
                return Function(node, source) is { } function ? [function] : null;
        }
    }

    private static EltwiseSpec? Function(GraphNode node, Operand source)
    {
        GraphAttributes attributes = node.Attributes;
        switch (node.OpType)
        {
            case "Clip":
                if (node.OptionalInput(1) is { IsConstant: false } || node.OptionalInput(2) is { IsConstant: false })
                    return null;
                ClipView clip = ClipView.Of(NodeOperands.Of(node));
                return new EltwiseSpec(EltwiseAlgorithm.Clip, (float)clip.Min, (float)clip.Max);
            case "Pow":
                if (node.ConstantInput(1) is not { ElementCount: 1 } exponent || exponent.Rank > source.Shape.Rank)
                    return null;
                float power = exponent.ToSingleArray()[0];
                return power == 2 ? new EltwiseSpec(EltwiseAlgorithm.Square)
                    : power == 0.5f ? new EltwiseSpec(EltwiseAlgorithm.Sqrt)
                    : new EltwiseSpec(EltwiseAlgorithm.Pow, 1, power);
            case "Gelu":
                return new EltwiseSpec(attributes.GetString("approximate", "none") == "tanh"
                    ? EltwiseAlgorithm.GeluTanh : EltwiseAlgorithm.GeluErf);
            default:
                return Simple(node.OpType, attributes);
        }
    }

    private static EltwiseSpec Simple(string opType, GraphAttributes attributes) => opType switch
    {
        "Relu" => new(EltwiseAlgorithm.Relu),
        "LeakyRelu" => new(EltwiseAlgorithm.Relu, attributes.GetSingle("alpha", 0.01f)),
        "Elu" => new(EltwiseAlgorithm.Elu, attributes.GetSingle("alpha", 1)),
        "Celu" => new(EltwiseAlgorithm.Elu, 1),
        "Swish" => new(EltwiseAlgorithm.Swish, attributes.GetSingle("alpha", 1)),
        "Sigmoid" => new(EltwiseAlgorithm.Logistic),
        "Tanh" => new(EltwiseAlgorithm.Tanh),
        "HardSigmoid" => new(EltwiseAlgorithm.HardSigmoid, attributes.GetSingle("alpha", 0.2f), attributes.GetSingle("beta", 0.5f)),
        "HardSwish" => new(EltwiseAlgorithm.HardSwish, 1f / 6f, 0.5f),
        "Mish" => new(EltwiseAlgorithm.Mish),
        "Softplus" => new(EltwiseAlgorithm.SoftRelu, 1),
        "Exp" => new(EltwiseAlgorithm.Exp),
        "Log" => new(EltwiseAlgorithm.Log),
        "Sqrt" => new(EltwiseAlgorithm.Sqrt),
        "Abs" => new(EltwiseAlgorithm.Abs),
        "Neg" => new(EltwiseAlgorithm.Linear, -1),
        "Reciprocal" => new(EltwiseAlgorithm.Reciprocal),
        "Floor" => new(EltwiseAlgorithm.Floor),
        "Ceil" => new(EltwiseAlgorithm.Ceil),
        "Round" => new(EltwiseAlgorithm.Round),
        "Sign" => new(EltwiseAlgorithm.Sign),
        "Erf" => new(EltwiseAlgorithm.Erf),
        _ => throw new NodeLoweringException($"'{opType}' is no element-wise function"),
    };
}
