// Attention of com.microsoft in standard operators.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Composition;

namespace Int8Runtime.Onnx.Import.Fused;

/// <summary>Attention, QAttention and MultiHeadAttention of com.microsoft as projections and an <see cref="AttentionCore"/>.</summary>
internal static class AttentionDecompositions
{
    // What a mask adds to a score that it hides, unless an attribute says otherwise.
    private const float Hidden = -10000;

    /// <summary>Inputs input [B, S, D], weights [D, 3·H], [bias], [mask_index], [past], [attention_bias]; results output, [present].</summary>
    public static void Attention(NodeDraft node, ImportContext context)
    {
        GraphValue projected = Project(node, context, node.Input(0), node.Input(1), node.OptionalInput(2));
        EmitPacked(node, context, projected, node.OptionalInput(3), node.OptionalInput(4), node.OptionalInput(5));
    }

    /// <summary>Inputs input, weights (integers), bias, input_scale, weight_scale, [mask_index], [input_zero_point],
    /// [weight_zero_point], [past]; results output, [present].</summary>
    public static void Quantized(NodeDraft node, ImportContext context)
    {
        GraphValue source = Real(node, context, 0, 3, 6), weights = Real(node, context, 1, 4, 7);
        GraphValue projected = Project(node, context, source, weights, node.OptionalInput(2));
        EmitPacked(node, context, projected, node.OptionalInput(5), node.OptionalInput(8), null);
    }

    /// <summary>Inputs query, key, value (each [B, S, H]), [bias of all three], [key_padding_mask], [attention_bias], [past_key],
    /// [past_value]; results output, [present_key], [present_value].</summary>
    public static void MultiHead(NodeDraft node, ImportContext context)
    {
        Refuse(node, node.Inputs.Skip(8).Any(i => i is not null), "keys of the past in a buffer of its own");
        Refuse(node, node.Outputs.Skip(3).Any(o => !o.IsOmitted), "the scores");
        GraphValue[] parts = [node.Input(0), node.Input(1), node.Input(2)];
        if (node.OptionalInput(3) is { } bias)
        {
            GraphValue[] biases = Split(node, context, bias, axis: 0, ":bias");
            for (int i = 0; i < parts.Length; i++)
                parts[i] = context.Operation("Add", $"{node.Name}:biased{i}", [parts[i], biases[i]]);
        }

        var core = new AttentionCore(context.Composer(node));
        long heads = node.Attributes.GetInteger("num_heads");
        GraphValue? past = node.OptionalInput(6);
        GraphValue keys = core.Keys(parts[1], heads, past, 1);
        GraphValue values = core.Present(node.OptionalInput(7), core.Heads(parts[2], "v", heads), "present_value", 2);
        EmitMixed(node, context, core.Heads(parts[0], "q", heads), keys, values, past, node.OptionalInput(4), node.OptionalInput(5));
    }

    private static GraphValue Real(NodeDraft node, ImportContext context, int tensor, int scale, int zeroPoint) =>
        Import.Quantized.QuantizedOperands.Dequantize(
            node, context, node.Input(tensor), node.Input(scale), node.OptionalInput(zeroPoint), axis: tensor == 1 ? 1 : 0);

    private static GraphValue Project(NodeDraft node, ImportContext context, GraphValue source, GraphValue weights, GraphValue? bias)
    {
        GraphValue product = context.Operation("MatMul", node.Name + ":projection", [source, weights]);
        return bias is null ? product : context.Operation("Add", node.Name + ":projected", [product, bias]);
    }

    private static void EmitPacked(
        NodeDraft node, ImportContext context, GraphValue projected, GraphValue? mask, GraphValue? past, GraphValue? addend)
    {
        Refuse(node, node.Attributes.GetBoolean("do_rotary"), "rotary embedding");
        GraphComposer compose = context.Composer(node);
        var core = new AttentionCore(compose);
        long heads = node.Attributes.GetInteger("num_heads");
        GraphValue[] parts = Split(node, context, projected, axis: 2, ":parts");
        GraphValue query = core.Heads(parts[0], "q", heads), value = core.Heads(parts[2], "v", heads);
        GraphValue? pastKey = Past(0);
        if (pastKey is null && !compose.IsWanted(1))
        {
            EmitMixed(node, context, query, core.Keys(parts[1], heads, null, -1), value, null, mask, addend);
            return;
        }

        // Keys and values lie in one tensor [2, B, heads, T, D].
        GraphValue key = core.Present(pastKey, core.Heads(parts[1], "k", heads), "present_key", -1);
        value = core.Present(Past(1), value, "present_value", -1);
        if (compose.IsWanted(1))
            compose.Result(1, "Concat", "present", [compose.Unsqueeze("key", key, 0), compose.Unsqueeze("value", value, 0)],
                new GraphAttributes { { "axis", 0 } });
        EmitMixed(node, context, query, core.Transposed(key), value, pastKey, mask, addend);

        GraphValue? Past(long index) => past is null ? null
            : compose.Operation("Gather", "past", [past, compose.Scalar("index", index)], new GraphAttributes { { "axis", 0 } });
    }

    private static void EmitMixed(NodeDraft node, ImportContext context, GraphValue query, GraphValue keys, GraphValue values,
        GraphValue? past, GraphValue? mask, GraphValue? addend)
    {
        GraphComposer compose = context.Composer(node);
        var core = new AttentionCore(compose);
        GraphValue? visibility = core.Visibility(query, keys, past, null, node.Attributes.GetBoolean("unidirectional"));
        core.EmitRows(core.Mix(query, keys, values, new()
        {
            Bias = core.Sum(core.Sum(mask is null ? null : Mask(node, compose, core, mask), visibility), addend),
            Scale = node.Attributes.GetSingle("scale") is not 0 and { } given ? compose.Scalar("scale", given) : null,
        }, isResult: false));
    }

    // Integers [B, T] or [B, S, T] that are 0 for keys which are hidden.
    private static GraphValue Mask(NodeDraft node, GraphComposer compose, AttentionCore core, GraphValue mask)
    {
        int? rank = ImportContext.RankOf(mask);
        Refuse(node, rank is not (2 or 3), "a mask that is not [batch, keys] or [batch, queries, keys]");
        GraphValue condition = compose.Operation("Cast", "condition", [mask],
            new GraphAttributes { { "to", ElementTypeCodes.ToCode(DataType.Boolean) } });
        condition = compose.Unsqueeze("condition", condition, rank == 2 ? [1, 2] : [1]);
        return core.Additive(condition, node.Attributes.GetSingle("mask_filter_value", Hidden));
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

    private static void Refuse(NodeDraft node, bool condition, string what)
    {
        if (condition)
            throw new UnsupportedModelException(
                $"{node.Subject} has {what}, which is not supported. Export the model without optimization.");
    }
}
