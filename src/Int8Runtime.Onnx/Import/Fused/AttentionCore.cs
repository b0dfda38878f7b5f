// What all forms of attention have in common: heads, scores, what is added to them, softmax, and the mixture of values.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Fused;

/// <summary>
/// Emits softmax(q·kᵀ·scale + bias)·v in standard operators. B is the batch, S the number of queries, T that of keys, D the extent of a
/// head. What follows from shapes alone, such as a triangular mask, folds to a constant once they are known.
/// </summary>
internal sealed class AttentionCore(NodeDraft node, ImportContext context)
{
    /// <summary>What <see cref="Mix"/> reads beside queries, keys and values.</summary>
    public sealed record Form
    {
        /// <summary>Added to the scores, broadcast to [B, heads, S, T].</summary>
        public GraphValue? Bias { get; init; }

        /// <summary>The factor of the scores; null is 1/√D.</summary>
        public float? Scale { get; init; }

        /// <summary>Scores become softcap · tanh(score / softcap), unless it is 0.</summary>
        public float Softcap { get; init; }

        /// <summary>The number of query heads and of those of keys and values, where several of the former share one of the latter;
        /// null where both are equal. A number that the file does not state is 0.</summary>
        public (long Queries, long Keys)? Groups { get; init; }

        /// <summary>Which scores the fourth result of the node is: 0 products, 1 with the bias, 2 capped, 3 behind the softmax.</summary>
        public long ScoresOutput { get; init; }
    }

    /// <summary>Divides rows [B, S, heads·D] into heads [B, heads, S, D].</summary>
    public GraphValue Heads(GraphValue rows, string role, long heads) =>
        Divide(rows, role, heads, [0, 2, 1, 3]);

    /// <summary>Heads [B, heads, T, D] as the right factor of scores, [B, heads, D, T].</summary>
    public GraphValue Transposed(GraphValue heads) => Operation("Transpose", "kT", [heads], Order([0, 1, 3, 2]));

    /// <summary>Keys as the right factor of scores, behind those of the past, which are a result of the node too if it wants them.</summary>
    /// <param name="rows">Keys of this call, [B, T, heads·D].</param>
    /// <param name="heads">Their heads.</param>
    /// <param name="past">Those of the past, [B, heads, P, D], or null.</param>
    /// <param name="output">The result of the node that they are.</param>
    public GraphValue Keys(GraphValue rows, long heads, GraphValue? past, int output) => past is null && !IsWanted(output)
        ? Divide(rows, "k", heads, [0, 2, 3, 1])
        : Transposed(Present(past, Heads(rows, "k", heads), "present_key", output));

    /// <summary>Keys or values behind those of the past, which are a result of the node too if it wants them.</summary>
    /// <param name="past">Those of the past, [B, heads, P, D], or null.</param>
    /// <param name="heads">Those of this call.</param>
    /// <param name="role">The name of the result.</param>
    /// <param name="output">The result of the node that they are.</param>
    public GraphValue Present(GraphValue? past, GraphValue heads, string role, int output)
    {
        if (past is not null)
            return Result(output, "Concat", role, [past, heads], new GraphAttributes { { "axis", 2 } });
        return IsWanted(output) ? Result(output, "Identity", role, [heads]) : heads;
    }

    /// <summary>0 for each key that a query may see and −∞ for the others.</summary>
    /// <param name="query">The queries, for their number.</param>
    /// <param name="keys">The transposed keys, for theirs.</param>
    /// <param name="past">Keys of the past; the diagonal begins behind them.</param>
    /// <param name="lengths">Integers [B]: the keys behind so many are padding, and the last query belongs to the last of the others.</param>
    /// <param name="isCausal">Whether queries see no key behind their own position.</param>
    public GraphValue? Visibility(GraphValue query, GraphValue keys, GraphValue? past, GraphValue? lengths, bool isCausal)
    {
        GraphValue? limit = lengths is null ? null
            : Operation("Unsqueeze", "lengths", [lengths, context.Integers(node.Name + ":axes", [1, 2, 3])]);
        if (isCausal)
        {
            GraphValue count = Extent(query, 2);
            GraphValue rows = Operation("Unsqueeze", "rows", [Count(Integer(1), Operation("Add", "until", [count, Integer(1)])),
                context.Integers(node.Name + ":axis", [1])]);
            GraphValue? offset = limit is not null ? Operation("Sub", "offset", [limit, count])
                : past is not null ? Extent(past, 2) : null;
            limit = offset is null ? rows : Operation("Add", "limit", [rows, offset]);
        }

        return limit is null ? null
            : Additive(Operation("Less", "visible", [Count(Integer(0), Extent(keys, 3)), limit]), float.NegativeInfinity);
    }

    /// <summary>0 where the condition holds and <paramref name="otherwise"/> elsewhere.</summary>
    public GraphValue Additive(GraphValue condition, float otherwise) => Operation("Where", "mask",
        [condition, context.Scalar(node.Name + ":visible", 0f), context.Scalar(node.Name + ":hidden", otherwise)]);

    /// <summary>The sum of two addends that may be absent.</summary>
    public GraphValue? Sum(GraphValue? left, GraphValue? right) =>
        left is null ? right : right is null ? left : Operation("Add", "bias", [left, right]);

    /// <summary>Appends −∞ to a mask for the keys that it does not reach to.</summary>
    public GraphValue Lengthened(GraphValue mask, GraphValue keys)
    {
        GraphValue missing = Operation("Sub", "missing", [Extents(keys, 3), Extents(mask, -1)]);
        GraphValue pads = Operation("Concat", "pads", [context.Integers(node.Name + ":none", [0]), missing],
            new GraphAttributes { { "axis", 0 } });
        return Operation("Pad", "mask",
            [mask, pads, context.Scalar(node.Name + ":hidden", float.NegativeInfinity), context.Integers(node.Name + ":last", [-1])]);
    }

    /// <summary>The heads of the result.</summary>
    /// <param name="query">[B, heads, S, D].</param>
    /// <param name="keys">[B, heads, D, T].</param>
    /// <param name="values">[B, heads, T, D of values].</param>
    /// <param name="form">Everything else.</param>
    /// <param name="isResult">Whether the heads are the first result of the node.</param>
    /// <returns>[B, heads, S, D of values].</returns>
    public GraphValue Mix(GraphValue query, GraphValue keys, GraphValue values, Form form, bool isResult)
    {
        GraphValue scale = form.Scale is { } given ? context.Scalar(node.Name + ":scale", given) : HeadScale(query);
        GraphValue queryHeads = form.Groups is null ? query : HeadsOf(query, form.Groups.Value.Queries, 1);
        GraphValue keyHeads = form.Groups is null ? keys : HeadsOf(keys, form.Groups.Value.Keys, 1);
        GraphValue Shared(GraphValue x, string name) => form.Groups is null ? x : Operation("Reshape", name, [x, keyHeads]);

        long last = form.ScoresOutput == 3 ? 3 : form.ScoresOutput >= 2 && form.Softcap != 0 ? 2
            : form.ScoresOutput >= 1 && form.Bias is not null ? 1 : 0;
        int Output(long step) => step == last ? 3 : -1;

        GraphValue scaled = Shared(Operation("Mul", "scaled", [query, scale]), "shared");
        GraphValue scores = form.Groups is null
            ? Result(Output(0), "MatMul", "scores", [scaled, keys])
            : Result(Output(0), "Reshape", "scores", [Operation("MatMul", "shared_scores", [scaled, keys]), queryHeads]);
        if (form.Bias is { } bias)
            scores = Result(Output(1), "Add", "masked", [scores, bias]);
        if (form.Softcap != 0)
        {
            GraphValue cap = context.Scalar(node.Name + ":cap", form.Softcap);
            GraphValue bent = Operation("Tanh", "bent", [Operation("Div", "relative", [scores, cap])]);
            scores = Result(Output(2), "Mul", "capped", [bent, cap]);
        }

        GraphValue shares = Result(Output(3), "Softmax", "softmax", [scores], new GraphAttributes { { "axis", -1 } });
        int output = isResult ? 0 : -1;
        return form.Groups is null
            ? Result(output, "MatMul", "mixed", [shares, values])
            : Result(output, "Reshape", "mixed", [Operation("MatMul", "shared_mixed", [Shared(shares, "grouped"), values]), queryHeads]);
    }

    /// <summary>Joins heads [B, heads, S, D] to rows [B, S, heads·D], the first result of the node.</summary>
    public void EmitRows(GraphValue heads) => Result(0, "Reshape", "joined",
        [Operation("Transpose", "rows", [heads], Order([0, 2, 1, 3])), context.Integers(node.Name + ":shape", [0, 0, -1])]);

    /// <summary>Whether the node has this result and something may read it.</summary>
    public bool IsWanted(int output) => output >= 0 && output < node.Outputs.Count && !node.Outputs[output].IsOmitted;

    private GraphValue Divide(GraphValue rows, string role, long heads, long[] order) => Operation("Transpose", role,
        [Operation("Reshape", role + ":rows", [rows, context.Integers(node.Name + ":heads", [0, 0, heads, -1])])], Order(order));

    // A shape of so many heads, or of as many as a value has; the dimension behind them takes what is left.
    private GraphValue HeadsOf(GraphValue value, long heads, int axis)
    {
        if (heads > 0)
            return context.Integers(node.Name + ":heads", [0, heads, -1, 0]);
        return Operation("Concat", "heads",
            [context.Integers(node.Name + ":batch", [0]), Extents(value, axis), context.Integers(node.Name + ":rest", [-1, 0])],
            new GraphAttributes { { "axis", 0 } });
    }

    private GraphValue HeadScale(GraphValue query)
    {
        GraphValue real = Operation("Cast", "real_extent", [Extents(query, 3)],
            new GraphAttributes { { "to", ElementTypeCodes.ToCode(DataType.Float32) } });
        return Operation("Reciprocal", "scale", [Operation("Sqrt", "root", [real])]);
    }

    // The extent of a dimension as a list of one, and as a number.
    private GraphValue Extents(GraphValue value, int axis)
    {
        var range = new GraphAttributes { { "start", axis } };
        if (axis >= 0)
            range.Add("end", axis + 1);
        return Operation("Shape", "extent", [value], range);
    }

    private GraphValue Extent(GraphValue value, int axis) =>
        Operation("Squeeze", "count", [Extents(value, axis), context.Integers(node.Name + ":axis", [0])]);

    private GraphValue Count(GraphValue first, GraphValue until) => Operation("Range", "positions", [first, until, Integer(1)]);

    private GraphValue Integer(long value) => context.Scalar(node.Name + ":integer", value);

    private GraphValue Operation(string opType, string name, ReadOnlySpan<GraphValue?> inputs, GraphAttributes? attributes = null) =>
        context.Operation(opType, $"{node.Name}:{name}", inputs, attributes);

    // An operation whose result is one of the node, if the node has it.
    private GraphValue Result(
        int output, string opType, string name, ReadOnlySpan<GraphValue?> inputs, GraphAttributes? attributes = null)
    {
        if (!IsWanted(output))
            return Operation(opType, name, inputs, attributes);
        context.Graph.AddNode(opType, inputs, [node.Outputs[output]], attributes, output == 0 ? node.Name : $"{node.Name}:{name}");
        return node.Outputs[output];
    }

    private static GraphAttributes Order(long[] order) => new() { { "perm", order } };
}
