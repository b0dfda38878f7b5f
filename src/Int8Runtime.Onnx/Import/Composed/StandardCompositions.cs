// Standard operators that are a few others, or have an older form: Einsum, CenterCropPad, ReverseSequence, GridSample.
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
        GraphValue two = compose.Integers("two", 2), zero = compose.Integers("zero", 0), extents = compose.Operation("Shape", "extents", [source]);
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
