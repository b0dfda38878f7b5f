// Attention of the standard, operator sets 23 and 24.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Composition;

namespace Int8Runtime.Onnx.Import.Composed;

/// <summary>
/// Inputs Q, K, V, [attn_mask], [past_key], [past_value], [nonpad_kv_seqlen]; results Y, [present_key], [present_value],
/// [qk_matmul_output]. Operands are rows [B, S, heads·D], whose heads two attributes count, or heads [B, heads, S, D].
/// </summary>
internal static class StandardAttention
{
    public static void Import(NodeDraft node, ImportContext context)
    {
        GraphAttributes attributes = node.Attributes;
        if (attributes.GetInteger("softmax_precision") == ElementTypeCodes.ToCode(DataType.Float64))
            throw new UnsupportedModelException(
                $"{node.Subject} wants its softmax in 64-bit floating point, which is not supported. "
                + "Export it with another softmax_precision.");
        if (node.OptionalInput(4) is null != node.OptionalInput(5) is null)
            throw new ModelFormatException($"{node.Subject} has keys of the past without values, or values without keys.");

        GraphComposer compose = context.Composer(node);
        var core = new AttentionCore(compose);
        long queryHeads = attributes.GetInteger("q_num_heads"), keyHeads = attributes.GetInteger("kv_num_heads");
        bool isRows = queryHeads > 0 && ImportContext.RankOf(node.Input(0)) is null or 3;
        GraphValue query = node.Input(0), key = node.Input(1), value = node.Input(2);
        GraphValue? past = node.OptionalInput(4);
        GraphValue keys = isRows
            ? core.Keys(key, keyHeads, past, 1)
            : core.Transposed(core.Present(past, key, "present_key", 1));
        if (isRows)
        {
            query = core.Heads(query, "q", queryHeads);
            value = core.Heads(value, "v", keyHeads);
        }

        GraphValue values = core.Present(node.OptionalInput(5), value, "present_value", 2);
        var form = new AttentionCore.Form
        {
            Bias = Bias(node, core, query, keys, past),
            Scale = attributes.Contains("scale") ? compose.Scalar("scale", attributes.GetSingle("scale")) : null,
            Softcap = attributes.GetSingle("softcap"),
            Groups = isRows ? Grouped(queryHeads, keyHeads) : Grouped(HeadsOf(query), HeadsOf(key)),
            ScoresOutput = attributes.GetInteger("qk_matmul_output_mode"),
        };
        GraphValue mixed = core.Mix(query, keys, values, form, isResult: !isRows);
        if (isRows)
            core.EmitRows(mixed);
    }

    private static GraphValue? Bias(NodeDraft node, AttentionCore core, GraphValue query, GraphValue keys, GraphValue? past)
    {
        GraphValue? lengths = node.OptionalInput(6), mask = node.OptionalInput(3);
        if (mask is not null)
        {
            if (ImportContext.IsBoolean(mask))
                mask = core.Additive(mask, float.NegativeInfinity);

            // A mask of fewer keys than there are leaves the others out.
            if (lengths is not null)
                mask = core.Lengthened(mask, keys);
        }

        return core.Sum(mask, core.Visibility(query, keys, past, lengths, node.Attributes.GetBoolean("is_causal")));
    }

    private static long HeadsOf(GraphValue heads) => heads.Shape is { Rank: 4 } shape ? shape[1].Extent ?? 0 : 0;

    private static (long, long)? Grouped(long queries, long keys) => queries == keys && queries > 0 ? null : (queries, keys);
}
