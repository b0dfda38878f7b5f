// Multi-head attention in standard operators.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Fused;

/// <summary>Attention, QAttention and MultiHeadAttention of com.microsoft as projections, products, softmax and transposes.</summary>
internal static class AttentionDecompositions
{
    /// <summary>Inputs input [B, S, D], weights [D, 3·H], [bias], [mask_index], [past], [attention_bias].</summary>
    public static void Attention(NodeDraft node, ImportContext context)
    {
        Refuse(node, node.OptionalInput(4) is not null, "past keys");
        GraphValue projected = Project(node, context, node.Input(0), node.Input(1), node.OptionalInput(2));
        EmitPacked(node, context, projected, node.OptionalInput(3), node.OptionalInput(5));
    }

    /// <summary>Inputs input, weights (integers), bias, input_scale, weight_scale, [mask_index], [input_zero_point],
    /// [weight_zero_point], [past].</summary>
    public static void Quantized(NodeDraft node, ImportContext context)
    {
        Refuse(node, node.OptionalInput(8) is not null, "past keys");
        GraphValue source = Real(node, context, 0, 3, 6), weights = Real(node, context, 1, 4, 7);
        GraphValue projected = Project(node, context, source, weights, node.OptionalInput(2));
        EmitPacked(node, context, projected, node.OptionalInput(5), null);
    }

    /// <summary>Inputs query, key, value (each [B, S, H]), [bias of all three], [key_padding_mask], [attention_bias].</summary>
    public static void MultiHead(NodeDraft node, ImportContext context)
    {
        Refuse(node, node.OptionalInput(4) is not null, "a padding mask");
        Refuse(node, node.Inputs.Skip(6).Any(i => i is not null), "past keys");
        GraphValue[] parts = [node.Input(0), node.Input(1), node.Input(2)];
        if (node.OptionalInput(3) is { } bias)
        {
            GraphValue[] biases = Split(node, context, bias, axis: 0, ":bias");
            for (int i = 0; i < parts.Length; i++)
                parts[i] = context.Operation("Add", $"{node.Name}:biased{i}", [parts[i], biases[i]]);
        }

        EmitCore(node, context, parts, node.OptionalInput(5));
    }

    private static GraphValue Real(NodeDraft node, ImportContext context, int tensor, int scale, int zeroPoint) =>
        Import.Quantized.QuantizedOperands.Dequantize(
            node, context, node.Input(tensor), node.Input(scale), node.OptionalInput(zeroPoint), axis: tensor == 1 ? 1 : 0);

    private static GraphValue Project(NodeDraft node, ImportContext context, GraphValue source, GraphValue weights, GraphValue? bias)
    {
        GraphValue product = context.Operation("MatMul", node.Name + ":projection", [source, weights]);
        return bias is null ? product : context.Operation("Add", node.Name + ":projected", [product, bias]);
    }

    private static void EmitPacked(NodeDraft node, ImportContext context, GraphValue projected, GraphValue? mask, GraphValue? addend)
    {
        Refuse(node, mask is not null, "a mask index");
        Refuse(node, node.Attributes.GetBoolean("unidirectional"), "a triangular mask");
        Refuse(node, node.Attributes.GetBoolean("do_rotary"), "rotary embedding");
        EmitCore(node, context, Split(node, context, projected, axis: 2, ":parts"), addend);
    }

    private static GraphValue[] Split(NodeDraft node, ImportContext context, GraphValue value, int axis, string name)
    {
        GraphValue? sizes = node.Attributes.GetIntegers("qkv_hidden_sizes") is { } given
            ? context.Integers(node.Name + name + ":sizes", given) : null;
        GraphValue[] parts = [.. "qkv".Select(c => context.Graph.AddValue(context.Graph.UniqueValueName($"{node.Name}{name}:{c}")))];
        var attributes = new GraphAttributes { { "axis", axis } };
        if (sizes is null)
            attributes.Add("num_outputs", 3);
        context.Graph.AddNode("Split", [value, sizes], parts, attributes, node.Name + name);
        return parts;
    }

    // softmax(q·kᵀ·scale + addend)·v for each head.
    private static void EmitCore(NodeDraft node, ImportContext context, GraphValue[] parts, GraphValue? addend)
    {
        Refuse(node, node.Outputs.Skip(1).Any(o => !o.IsOmitted), "the present keys");
        long heads = node.Attributes.GetInteger("num_heads");
        GraphValue query = Heads(0, [0, 2, 1, 3]), key = Heads(1, [0, 2, 3, 1]), value = Heads(2, [0, 2, 1, 3]);
        GraphValue scale = node.Attributes.GetSingle("scale") is not 0 and { } given
            ? context.Scalar(node.Name + ":scale", given)
            : HeadScale(node, context, query);
        GraphValue scores = context.Operation("MatMul", node.Name + ":scores",
            [context.Operation("Mul", node.Name + ":scaled", [query, scale]), key]);
        if (addend is not null)
            scores = context.Operation("Add", node.Name + ":masked", [scores, addend]);
        GraphValue shares = context.Operation("Softmax", node.Name + ":softmax", [scores], new GraphAttributes { { "axis", -1 } });
        GraphValue mixed = context.Operation("MatMul", node.Name + ":mixed", [shares, value]);
        GraphValue rows = context.Operation("Transpose", node.Name + ":rows", [mixed], Order([0, 2, 1, 3]));
        context.EmitAs(node, "Reshape", [rows, context.Integers(node.Name + ":shape", [0, 0, -1])]);

        GraphValue Heads(int part, long[] order)
        {
            GraphValue divided = context.Operation(
                "Reshape", $"{node.Name}:heads{part}", [parts[part], context.Integers(node.Name + ":heads", [0, 0, heads, -1])]);
            return context.Operation("Transpose", $"{node.Name}:{"qkv"[part]}", [divided], Order(order));
        }
    }

    // 1/√(extent of a head), which folds to a constant once the shapes are known.
    private static GraphValue HeadScale(NodeDraft node, ImportContext context, GraphValue query)
    {
        GraphValue extent = context.Operation("Shape", node.Name + ":extent", [query],
            new GraphAttributes { { "start", 3 }, { "end", 4 } });
        GraphValue real = context.Operation("Cast", node.Name + ":real_extent", [extent],
            new GraphAttributes { { "to", ElementTypeCodes.ToCode(DataType.Float32) } });
        return context.Operation("Reciprocal", node.Name + ":scale", [context.Operation("Sqrt", node.Name + ":root", [real])]);
    }

    private static GraphAttributes Order(long[] order) => new() { { "perm", order } };

    private static void Refuse(NodeDraft node, bool condition, string what)
    {
        if (condition)
            throw new UnsupportedModelException(
                $"{node.Subject} has {what}, which is not supported. Export the model without optimization.");
    }
}
