// Layers that are several standard operators, and sampling at computed points.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Composition;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class ComposedLayers
{
    public static void Einsum(LayerContext layer)
    {
        EinsumEquation equation = EinsumEquation.Parse(
            layer.Text("equation"), [.. Enumerable.Range(0, layer.InputCount).Select(i => (int?)layer.Rank(i))], layer.Layer.ToString());
        new Einsum(layer.Composer()).Emit(equation, [.. Enumerable.Range(0, layer.InputCount).Select(layer.Input)]);
    }

    public static void GridSample(LayerContext layer)
    {
        string mode = layer.Text("mode", "bilinear");
        layer.Emit("GridSample", [layer.Input(0), layer.Input(1)], new GraphAttributes
        {
            { "mode", mode.StartsWith("bi", StringComparison.Ordinal) ? mode[2..] : mode },
            { "padding_mode", layer.Text("padding_mode", "zeros") },
            { "align_corners", layer.Boolean("align_corners", false) },
        });
    }

    /// <summary>Batch and sequence are the first two dimensions, in either order.</summary>
    public static void ReverseSequence(LayerContext layer)
    {
        long batch = Axis("batch_axis", 0), time = Axis("seq_axis", 1);
        if (batch is not (0 or 1) || time != 1 - batch)
            throw layer.Unsupported($"reverses dimension {time} for each index of dimension {batch}");
        SequenceReversal.Emit(layer.Composer(), layer.Input(0), layer.IntegerList(1), isBatchFirst: batch == 0);

        long Axis(string name, long fallback) => layer.Integer(name, fallback) is var axis && axis < 0 ? axis + layer.Rank(0) : axis;
    }

    /// <summary>Inputs query, key, value ([N, heads, tokens, extent], or without heads), [mask], [scale].</summary>
    public static void Attention(LayerContext layer)
    {
        int rank = layer.Rank(0);
        if (layer.InputCount > 5)
            throw layer.Unsupported("has a sink");
        if (rank is not (3 or 4) || layer.Rank(1) != rank || layer.Rank(2) != rank)
            throw layer.Unsupported($"has operands of {rank}, {layer.Rank(1)} and {layer.Rank(2)} dimensions");
        GraphComposer compose = layer.Composer();
        var core = new AttentionCore(compose);
        GraphValue query = Heads(layer.Input(0)), keys = core.Transposed(Heads(layer.Input(1))), values = Heads(layer.Input(2));
        bool isCausal = layer.Boolean("causal");
        GraphValue mixed = core.Mix(query, keys, values, new()
        {
            Bias = isCausal ? core.Visibility(query, keys, null, null, isCausal: true) : Mask(),
            Scale = layer.OptionalInput(4),
        }, isResult: rank == 4);
        if (rank == 3)
            compose.Result(0, "Squeeze", "rows", [mixed, compose.Integers("head", 1)]);

        GraphValue Heads(GraphValue operand) => rank == 4 ? operand : compose.Unsqueeze("head", operand, 1);
        GraphValue? Mask()
        {
            // A scalar zero stands for a mask that is left out.
            if (layer.InputCount < 4 || (layer.Rank(3) == 0 && layer.Constant(3)?.ToDoubleArray() is [0]))
                return null;
            GraphValue mask = layer.Rank(3) == 3 && rank == 3 ? compose.Unsqueeze("head", layer.Input(3), 1) : layer.Input(3);
            return layer.ElementType(3) == DataType.Boolean ? core.Additive(mask, float.NegativeInfinity) : mask;
        }
    }
}
