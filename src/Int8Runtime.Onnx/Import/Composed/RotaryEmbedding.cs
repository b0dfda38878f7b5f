// RotaryEmbedding of the standard (operator set 23) and of com.microsoft.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Composition;

namespace Int8Runtime.Onnx.Import.Composed;

/// <summary>
/// Turns pairs of elements (a, b) of each head by an angle of its token to (a·cos − b·sin, a·sin + b·cos). Sources are heads
/// [B, heads, S, D] or rows [B, S, heads·D]; a pair is an element of the first half and one of the second, or two neighbours. Su et al.,
/// "RoFormer", arXiv:2104.09864.
/// </summary>
internal static class RotaryEmbedding
{
    /// <summary>Inputs X, cos_cache, sin_cache ([positions, D/2], or [B, S, D/2] without positions), [position_ids].</summary>
    public static void Standard(NodeDraft node, ImportContext context)
    {
        GraphComposer compose = context.Composer(node);
        long heads = node.Attributes.GetInteger("num_heads");
        bool isRows = IsRows(node, ImportContext.RankOf(node.Input(0)) ?? (heads > 0 ? 3 : null));
        if (isRows && heads < 1)
            throw new ModelFormatException($"{node.Subject} has rows as source, but no number of heads (num_heads).");
        Emit(node, compose, isRows, [0, 0, heads, -1], table =>
            node.OptionalInput(3) is { } positions ? Gather(compose, table, positions) : table, node.Input(1), node.Input(2));
    }

    /// <summary>Inputs input, position_ids ([B, S], or [1], the first of successive positions), cos_cache, sin_cache.</summary>
    public static void Microsoft(NodeDraft node, ImportContext context)
    {
        if (node.Attributes.GetBoolean("is_packed_batching"))
            throw new UnsupportedModelException(
                $"{node.Subject} has packed batches, which is not supported. Export the model without them.");
        GraphComposer compose = context.Composer(node);
        GraphValue source = node.Input(0), positions = node.Input(1), cosines = node.Input(2);
        long heads = node.Attributes.GetInteger("num_heads");
        bool isRows = IsRows(node, ImportContext.RankOf(source) ?? (heads > 0 ? 3 : null));
        long extent = cosines.Shape is { Rank: 2 } table ? 2 * (table[1].Extent ?? 0) : cosines.Constant?.Shape[^1] * 2 ?? 0;
        if (isRows && heads < 1 && extent == 0)
            throw new UnsupportedModelException(
                $"{node.Subject}: neither the number nor the extent of heads is known. Export it with num_heads.");
        if ((ImportContext.RankOf(positions) ?? positions.Constant?.Rank) is 1)
        {
            GraphValue count = compose.Extent(source, isRows ? 1 : 2);
            positions = compose.Unsqueeze("positions",
                compose.Operation("Add", "positions", [compose.Range(compose.Scalar("zero", 0L), count), positions]), 0);
        }

        Emit(node, compose, isRows, heads > 0 ? [0, 0, heads, -1] : [0, 0, -1, extent],
            table => Gather(compose, table, positions), cosines, node.Input(3));
    }

    private static bool IsRows(NodeDraft node, int? rank) => rank is 3 or 4
        ? rank == 3
        : throw new UnsupportedModelException(
            $"{node.Subject}: the rank of the source is not known to be 3 or 4. Export the model with shapes.");

    private static GraphValue Gather(GraphComposer compose, GraphValue table, GraphValue positions) =>
        compose.Operation("Gather", "angles", [table, positions], new GraphAttributes { { "axis", 0 } });

    private static void Emit(NodeDraft node, GraphComposer compose, bool isRows, long[] headShape,
        Func<GraphValue, GraphValue> angles, GraphValue cosines, GraphValue sines)
    {
        // All heads of a token share an angle.
        int axis = isRows ? 2 : 1;
        GraphValue cos = compose.Unsqueeze("cos", angles(cosines), axis), sin = compose.Unsqueeze("sin", angles(sines), axis);
        GraphValue heads = isRows ? compose.Reshape("heads", node.Input(0), headShape) : node.Input(0);
        long turned = node.Attributes.GetInteger("rotary_embedding_dim");
        GraphValue part = turned > 0 ? Slice("turned", heads, Bound(0), Bound(turned), 1) : heads;

        bool interleaved = node.Attributes.GetBoolean("interleaved");
        GraphValue first, second;
        if (interleaved)
        {
            (first, second) = (Slice("even", part, Bound(0), Bound(long.MaxValue), 2), Slice("odd", part, Bound(1), Bound(long.MaxValue), 2));
        }
        else
        {
            GraphValue half = compose.Extents(cos, -1);
            (first, second) = (Slice("first", part, Bound(0), half, 1), Slice("second", part, half, Bound(long.MaxValue), 1));
        }

        GraphValue real = compose.Operation("Sub", "real", [Times(first, cos), Times(second, sin)]);
        GraphValue imaginary = compose.Operation("Add", "imaginary", [Times(first, sin), Times(second, cos)]);
        GraphValue?[] parts = [real, imaginary];
        if (interleaved)
        {
            GraphValue pairs = compose.Concat(
                "pairs", [compose.Unsqueeze("real", real, -1), compose.Unsqueeze("imaginary", imaginary, -1)], -1);
            parts = [compose.Reshape("turned", pairs, 0, 0, 0, -1)];
        }

        if (turned > 0)
            parts = [.. parts, Slice("rest", heads, Bound(turned), Bound(long.MaxValue), 1)];
        int result = isRows ? -1 : 0;
        GraphValue whole = parts.Length == 1
            ? compose.Result(result, "Identity", "whole", parts)
            : compose.Result(result, "Concat", "whole", parts, new GraphAttributes { { "axis", -1 } });
        if (isRows)
            compose.Result(0, "Reshape", "rows", [whole, compose.Integers("shape", 0, 0, -1)]);

        GraphValue Times(GraphValue x, GraphValue factor) => compose.Operation("Mul", "product", [x, factor]);
        GraphValue Bound(long index) => compose.Integers("bound", index);
        GraphValue Slice(string role, GraphValue x, GraphValue start, GraphValue end, long step) => compose.Operation("Slice", role,
            [x, start, end, compose.Integers("last", -1), compose.Integers("step", step)]);
    }
}
