// Standard operators that are a few others, or have an older form: Einsum, CenterCropPad, ReverseSequence,
// TensorScatter, GridSample.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Composition;

namespace Int8Runtime.Onnx.Import.Composed;

/// <summary>Compositions of standard operators.</summary>
internal static class StandardCompositions
{
    /// <summary>An Einstein sum over any number of operands.</summary>
    public static void Einsum(NodeDraft node, ImportContext context)
    {
        GraphValue[] operands = [.. Enumerable.Range(0, node.Inputs.Count).Select(node.Input)];
        string text = node.Attributes.GetString("equation", "");
        EinsumEquation equation = EinsumEquation.Parse(text, Array.ConvertAll(operands, o => ImportContext.RankOf(o)), node.Subject);
        new Einsum(context.Composer(node)).Emit(equation, operands);
    }

    /// <summary>
    /// Inputs data, shape: each dimension is cut or padded with zeros to an extent, at both ends alike. Of an odd difference a cut takes
    /// the larger part from the end, as padding adds it there.
    /// </summary>
    public static void CenterCropPad(NodeDraft node, ImportContext context)
    {
        GraphComposer compose = context.Composer(node);
        GraphValue source = node.Input(0), target = node.Input(1);
        GraphValue two = compose.Integers("two", 2), zero = compose.Integers("zero", 0);
        GraphValue extents = compose.Operation("Shape", "extents", [source]);
        GraphValue? axes = node.Attributes.GetIntegers("axes") is { } given ? compose.Integers("axes", given) : null;
        if (axes is not null)
            extents = compose.Operation("Gather", "extents", [extents, axes]);

        GraphValue start = Half(Excess(extents, target));
        GraphValue end = compose.Operation("Add", "end", [start, compose.Operation("Min", "kept", [extents, target])]);
        GraphValue missing = Excess(target, extents), before = Half(missing);
        GraphValue pads = compose.Concat("pads", [before, compose.Operation("Sub", "behind", [missing, before])]);
        GraphValue kept = compose.Operation("Slice", "kept", [source, start, end, axes]);
        compose.Result(0, "Pad", "padded", [kept, pads, null, axes]);

        GraphValue Excess(GraphValue left, GraphValue right) =>
            compose.Operation("Max", "excess", [compose.Operation("Sub", "difference", [left, right]), zero]);
        GraphValue Half(GraphValue count) => compose.Operation("Div", "half", [count, two]);
    }

    /// <summary>Inputs X, sequence_lens; the batch is one of the first two dimensions and time the other.</summary>
    public static void ReverseSequence(NodeDraft node, ImportContext context)
    {
        long batch = node.Attributes.GetInteger("batch_axis", 1), time = node.Attributes.GetInteger("time_axis");
        if (batch is not (0 or 1) || time != 1 - batch)
            throw new ModelFormatException($"{node.Subject}: batch_axis {batch} and time_axis {time} are not the first two dimensions.");
        SequenceReversal.Emit(context.Composer(node), node.Input(0), node.Input(1), isBatchFirst: batch == 0);
    }

    /// <summary>
    /// Inputs past_cache [B, …, positions, …], update, [write_indices [B]]: the update of each sequence takes the positions from its index
    /// on, in a circle if so asked. Dimensions up to the positions become rows, which are replaced.
    /// </summary>
    public static void TensorScatter(NodeDraft node, ImportContext context)
    {
        GraphValue cache = node.Input(0), update = node.Input(1);
        long axis = node.Attributes.GetInteger("axis", -2);
        if (axis < 0)
            axis += ImportContext.RankOf(cache) ?? ImportContext.RankOf(update) ?? throw new UnsupportedModelException(
                $"{node.Subject}: the rank of the cache is not known. Export the model with shapes.");
        if (axis < 1)
            throw new ModelFormatException($"{node.Subject}: the positions are dimension {axis}, where the batch is.");
        GraphComposer compose = context.Composer(node);
        int before = (int)axis;
        GraphValue zero = compose.Scalar("zero", 0L), extent = compose.Extent(cache, before), leading = compose.Extents(update, 0, before);

        // The position of each new row, [B, 1, …, rows].
        GraphValue places = compose.Range(zero, compose.Extent(update, before));
        if (node.OptionalInput(2) is { } first)
        {
            GraphValue origin = compose.Reshape("origin", first, [-1, .. Enumerable.Repeat(1L, before)]);
            places = compose.Operation("Add", "places", [origin, places]);
        }

        if (node.Attributes.GetString("mode", "linear") == "circular")
            places = compose.Operation("Mod", "places", [places, extent]);

        // And its row among those of the whole cache.
        GraphValue count = compose.Operation(
            "ReduceProd", "count", [leading, compose.Integers("axes", 0)], new GraphAttributes { { "keepdims", 0 } });
        GraphValue owners = compose.Operation("Reshape", "owners",
            [compose.Range(zero, count), compose.Concat("shape", [leading, compose.Integers("one", 1)])]);
        GraphValue rows = compose.Operation("Add", "rows", [compose.Operation("Mul", "begin", [owners, extent]), places]);
        GraphValue row = compose.Operation("Shape", "row", [cache], new GraphAttributes { { "start", before + 1 } });
        GraphValue flat = compose.Operation("Reshape", "flat", [cache, compose.Concat("shape", [compose.Integers("rest", -1), row])]);
        GraphValue written = compose.Operation("ScatterND", "written", [flat, compose.Unsqueeze("rows", rows, -1), update]);
        compose.Result(0, "Reshape", "present", [written, compose.Operation("Shape", "whole", [cache])]);
    }

    /// <summary>Operator sets before 20 name the modes bilinear and bicubic.</summary>
    public static void GridSample(NodeDraft node, ImportContext context)
    {
        string mode = node.Attributes.GetString("mode", "linear");
        if (mode.StartsWith("bi", StringComparison.Ordinal))
        {
            node.Attributes.Remove("mode");
            node.Attributes.Add("mode", mode[2..]);
        }

        context.Emit(node);
    }
}
