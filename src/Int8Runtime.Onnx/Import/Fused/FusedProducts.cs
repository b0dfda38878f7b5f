// Products that ONNX Runtime's optimizer has fused with what follows, taken apart again.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Fused;

/// <summary>FusedConv, FusedGemm and FusedMatMul of com.microsoft.</summary>
internal static class FusedProducts
{
    /// <summary>Inputs x, w, [bias], [addend]; an activation follows the sum.</summary>
    public static void Conv(NodeDraft node, ImportContext context)
    {
        string? activation = node.Attributes.GetString("activation");
        float[] parameters = node.Attributes.GetSingles("activation_params") ?? [];
        node.Attributes.Remove("activation");
        node.Attributes.Remove("activation_params");
        GraphValue result = context.Operation("Conv", node.Name + ":conv", [node.Input(0), node.Input(1), node.OptionalInput(2)],
            node.Attributes);
        if (node.OptionalInput(3) is { } addend)
            result = context.Operation("Add", node.Name + ":sum", [result, addend]);
        Activate(node, context, result, activation, parameters);
    }

    /// <summary>Gemm with an activation whose parameters are the attributes activation_alpha, _beta and
    /// _gamma.</summary>
    public static void Gemm(NodeDraft node, ImportContext context)
    {
        string? activation = node.Attributes.GetString("activation");
        float[] parameters = [node.Attributes.GetSingle("activation_alpha"), node.Attributes.GetSingle("activation_beta")];
        foreach (string name in (string[])["activation", "activation_alpha", "activation_beta", "activation_gamma"])
            node.Attributes.Remove(name);
        GraphValue result = context.Operation("Gemm", node.Name + ":gemm", [.. node.Inputs], node.Attributes);
        Activate(node, context, result, activation, parameters);
    }

    /// <summary>MatMul with transposed operands and a factor.</summary>
    public static void MatMul(NodeDraft node, ImportContext context)
    {
        if (node.Attributes.GetBoolean("transBatchA") || node.Attributes.GetBoolean("transBatchB"))
            throw new UnsupportedModelException(
                $"{node.Subject} transposes a batch dimension, which is not supported. Export the model without "
                + "optimization.");
        GraphValue left = Transposed(node, context, 0, "transA");
        GraphValue right = Transposed(node, context, 1, "transB");
        float alpha = node.Attributes.GetSingle("alpha", 1);
        if (alpha == 1)
        {
            context.EmitAs(node, "MatMul", [left, right]);
            return;
        }
        GraphValue product = context.Operation("MatMul", node.Name + ":product", [left, right]);
        context.EmitAs(node, "Mul", [product, context.Scalar(node.Name + ":alpha", alpha)]);
    }

    private static GraphValue Transposed(NodeDraft node, ImportContext context, int input, string attribute)
    {
        GraphValue value = node.Input(input);
        if (!node.Attributes.GetBoolean(attribute))
            return value;
        if (ImportContext.RankOf(value) is not { } rank || rank < 2)
            throw new UnsupportedModelException(
                $"{node.Subject} transposes '{value.Name}', whose rank the file does not tell. Export the model "
                + "without optimization.");
        long[] order = [.. Enumerable.Range(0, rank - 2).Select(i => (long)i), rank - 1, rank - 2];
        return context.Operation("Transpose", $"{node.Name}:{attribute}", [value], new GraphAttributes { { "perm", order } });
    }

    private static void Activate(NodeDraft node, ImportContext context, GraphValue result, string? activation, float[] parameters)
    {
        float Parameter(int index, float fallback) => index < parameters.Length ? parameters[index] : fallback;
        switch (activation)
        {
            case null or "":
                context.EmitAs(node, "Identity", [result]);
                break;
            case "Relu" or "Tanh" or "Sigmoid":
                context.EmitAs(node, activation, [result]);
                break;
            case "LeakyRelu":
                context.EmitAs(node, activation, [result], new GraphAttributes { { "alpha", Parameter(0, 0.01f) } });
                break;
            case "HardSigmoid":
                context.EmitAs(node, activation, [result],
                    new GraphAttributes { { "alpha", Parameter(0, 0.2f) }, { "beta", Parameter(1, 0.5f) } });
                break;
            case "Clip":
                GraphValue low = context.Scalar(node.Name + ":min", Parameter(0, float.MinValue));
                GraphValue high = context.Scalar(node.Name + ":max", Parameter(1, float.MaxValue));
                context.EmitAs(node, activation, [result, low, high]);
                break;
            default:
                throw new UnsupportedModelException(
                    $"{node.Subject}: the fused activation '{activation}' is not supported. Export the model "
                    + "without optimization.");
        }
    }
}
