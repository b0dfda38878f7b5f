// What all forms of attention have in common: heads, scores, what is added to them, softmax, and the mixture of values.
namespace Int8Runtime.Graph.Composition;

/// <summary>
/// Emits softmax(q·kᵀ·scale + bias)·v in standard operators. B is the batch, S the number of queries, T that of keys, D the extent of a
/// head. What follows from shapes alone, such as a triangular mask, folds to a constant once they are known.
/// </summary>
/// <param name="compose">Adds the nodes; results of the operator are the heads or rows, keys, values, and scores.</param>
internal sealed class AttentionCore(GraphComposer compose)
{
    /// <summary>What <see cref="Mix"/> reads beside queries, keys and values.</summary>
    public sealed record Form
    {
        /// <summary>Added to the scores, broadcast to [B, heads, S, T].</summary>
        public GraphValue? Bias { get; init; }

        /// <summary>The factor of the scores; null is 1/√D.</summary>
        public GraphValue? Scale { get; init; }

        /// <summary>Scores become softcap · tanh(score / softcap), unless it is 0.</summary>
        public float Softcap { get; init; }

        /// <summary>The number of query heads and of those of keys and values, where several of the former share one of the latter;
        /// null where both are equal. A number that the file does not state is 0.</summary>
        public (long Queries, long Keys)? Groups { get; init; }

        /// <summary>Which scores the fourth result of the node is: 0 products, 1 with the bias, 2 capped, 3 behind the softmax.</summary>
        public long ScoresOutput { get; init; }
    }

    /// <summary>Divides rows [B, S, heads·D] into heads [B, heads, S, D].</summary>
    public GraphValue Heads(GraphValue rows, string role, long heads) => Divide(rows, role, heads, 0, 2, 1, 3);

    /// <summary>Heads [B, heads, T, D] as the right factor of scores, [B, heads, D, T].</summary>
    public GraphValue Transposed(GraphValue heads) => compose.Transpose("kT", heads, 0, 1, 3, 2);

    /// <summary>Keys as the right factor of scores, behind those of the past, which are a result of the node too if it wants them.</summary>
    /// <param name="rows">Keys of this call, [B, T, heads·D].</param>
    /// <param name="heads">Their heads.</param>
    /// <param name="past">Those of the past, [B, heads, P, D], or null.</param>
    /// <param name="output">The result of the node that they are.</param>
    public GraphValue Keys(GraphValue rows, long heads, GraphValue? past, int output) => past is null && !compose.IsWanted(output)
        ? Divide(rows, "k", heads, 0, 2, 3, 1)
        : Transposed(Present(past, Heads(rows, "k", heads), "present_key", output));

    /// <summary>Keys or values behind those of the past, which are a result of the node too if it wants them.</summary>
    /// <param name="past">Those of the past, [B, heads, P, D], or null.</param>
    /// <param name="heads">Those of this call.</param>
    /// <param name="role">The name of the result.</param>
    /// <param name="output">The result of the node that they are.</param>
    public GraphValue Present(GraphValue? past, GraphValue heads, string role, int output)
    {
        if (past is not null)
            return compose.Result(output, "Concat", role, [past, heads], new GraphAttributes { { "axis", 2 } });
        return compose.IsWanted(output) ? compose.Result(output, "Identity", role, [heads]) : heads;
    }

    /// <summary>0 for each key that a query may see and −∞ for the others.</summary>
    /// <param name="query">The queries, for their number.</param>
    /// <param name="keys">The transposed keys, for theirs.</param>
    /// <param name="past">Keys of the past; the diagonal begins behind them.</param>
    /// <param name="lengths">Integers [B]: the keys behind so many are padding, and the last query belongs to the last of the others.</param>
    /// <param name="isCausal">Whether queries see no key behind their own position.</param>
    public GraphValue? Visibility(GraphValue query, GraphValue keys, GraphValue? past, GraphValue? lengths, bool isCausal)
    {
        GraphValue? limit = lengths is null ? null : compose.Unsqueeze("lengths", lengths, 1, 2, 3);
        if (isCausal)
        {
            GraphValue count = compose.Extent(query, 2), one = compose.Scalar("one", 1L);
            GraphValue rows = compose.Unsqueeze("rows", compose.Range(one, compose.Operation("Add", "until", [count, one])), 1);
            GraphValue? offset = limit is not null ? compose.Operation("Sub", "offset", [limit, count])
                : past is not null ? compose.Extent(past, 2) : null;
            limit = offset is null ? rows : compose.Operation("Add", "limit", [rows, offset]);
        }

        if (limit is null)
            return null;
        GraphValue positions = compose.Range(compose.Scalar("zero", 0L), compose.Extent(keys, 3));
        return Additive(compose.Operation("Less", "visible", [positions, limit]), float.NegativeInfinity);
    }

    /// <summary>0 where the condition holds and <paramref name="otherwise"/> elsewhere.</summary>
    public GraphValue Additive(GraphValue condition, float otherwise) => compose.Operation("Where", "mask",
        [condition, compose.Scalar("visible", 0f), compose.Scalar("hidden", otherwise)]);

    /// <summary>The sum of two addends that may be absent.</summary>
    public GraphValue? Sum(GraphValue? left, GraphValue? right) =>
        left is null ? right : right is null ? left : compose.Operation("Add", "bias", [left, right]);

    /// <summary>Appends −∞ to a mask for the keys that it does not reach to.</summary>
    public GraphValue Lengthened(GraphValue mask, GraphValue keys)
    {
        GraphValue missing = compose.Operation("Sub", "missing", [compose.Extents(keys, 3), compose.Extents(mask, -1)]);
        GraphValue pads = compose.Concat("pads", [compose.Integers("none", 0), missing]);
        return compose.Operation("Pad", "mask",
            [mask, pads, compose.Scalar("hidden", float.NegativeInfinity), compose.Integers("last", -1)]);
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
        GraphValue scale = form.Scale ?? HeadScale(query);
        GraphValue queryHeads = form.Groups is null ? query : HeadsOf(query, form.Groups.Value.Queries);
        GraphValue keyHeads = form.Groups is null ? keys : HeadsOf(keys, form.Groups.Value.Keys);
        GraphValue Shared(GraphValue x, string name) => form.Groups is null ? x : compose.Operation("Reshape", name, [x, keyHeads]);

        long last = form.ScoresOutput == 3 ? 3 : form.ScoresOutput >= 2 && form.Softcap != 0 ? 2
            : form.ScoresOutput >= 1 && form.Bias is not null ? 1 : 0;
        int Output(long step) => step == last ? 3 : -1;

        GraphValue scaled = Shared(compose.Operation("Mul", "scaled", [query, scale]), "shared");
        GraphValue scores = form.Groups is null
            ? compose.Result(Output(0), "MatMul", "scores", [scaled, keys])
            : compose.Result(Output(0), "Reshape", "scores", [compose.Operation("MatMul", "shared_scores", [scaled, keys]), queryHeads]);
        if (form.Bias is { } bias)
            scores = compose.Result(Output(1), "Add", "masked", [scores, bias]);
        if (form.Softcap != 0)
        {
            GraphValue cap = compose.Scalar("cap", form.Softcap);
            GraphValue bent = compose.Operation("Tanh", "bent", [compose.Operation("Div", "relative", [scores, cap])]);
            scores = compose.Result(Output(2), "Mul", "capped", [bent, cap]);
        }

        GraphValue shares = compose.Result(Output(3), "Softmax", "softmax", [scores], new GraphAttributes { { "axis", -1 } });
        int output = isResult ? 0 : -1;
        return form.Groups is null
            ? compose.Result(output, "MatMul", "mixed", [shares, values])
            : compose.Result(output, "Reshape", "mixed",
                [compose.Operation("MatMul", "shared_mixed", [Shared(shares, "grouped"), values]), queryHeads]);
    }

    /// <summary>Joins heads [B, heads, S, D] to rows [B, S, heads·D], the first result of the node.</summary>
    public void EmitRows(GraphValue heads) => compose.Result(0, "Reshape", "joined",
        [compose.Transpose("rows", heads, 0, 2, 1, 3), compose.Integers("shape", 0, 0, -1)]);

    private GraphValue Divide(GraphValue rows, string role, long heads, params long[] order) =>
        compose.Transpose(role, compose.Reshape(role + ":rows", rows, 0, 0, heads, -1), order);

    // A shape of so many heads, or of as many as a value has; the dimension behind them takes what is left.
    private GraphValue HeadsOf(GraphValue value, long heads)
    {
        if (heads > 0)
            return compose.Integers("heads", 0, heads, -1, 0);
        return compose.Concat("heads", [compose.Integers("batch", 0), compose.Extents(value, 1), compose.Integers("rest", -1, 0)]);
    }

    private GraphValue HeadScale(GraphValue query)
    {
        GraphValue real = compose.Operation("Cast", "real_extent", [compose.Extents(query, 3)],
            new GraphAttributes { { "to", ElementTypeCodes.ToCode(DataType.Float32) } });
        return compose.Operation("Reciprocal", "scale", [compose.Operation("Sqrt", "root", [real])]);
    }
}
