// Standard operators that are a few others: Einsum and CenterCropPad.
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
}
