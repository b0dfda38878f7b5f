// Normalizations that are written as arithmetic: RMSNormalization, LpNormalization, MeanVarianceNormalization, and the
// normalizations of com.microsoft that add something first.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Fused;

/// <summary>Decompositions of normalizations.</summary>
internal static class NormalizationDecompositions
{
    // Bounds the list of axes where the file does not tell the rank.
    private const int LargestRank = 64;

    /// <summary>x / √(mean(x²) + ε) · scale over the dimensions from the axis on.</summary>
    public static void RootMeanSquare(NodeDraft node, ImportContext context) =>
        EmitRootMeanSquare(node, context, node.Input(0), node.Input(1), node.Attributes.GetSingle("epsilon", 1e-5f));

    /// <summary>x divided by its 1-norm or 2-norm along the axis.</summary>
    public static void LpNormalization(NodeDraft node, ImportContext context)
    {
        GraphValue source = node.Input(0);
        string reduction = node.Attributes.GetInteger("p", 2) == 1 ? "ReduceL1" : "ReduceL2";
        GraphValue norm = context.Operation(
            reduction, node.Name + ":norm", [source, context.Integers(node.Name + ":axes", [node.Attributes.GetInteger("axis", -1)])]);
        context.EmitAs(node, "Div", [source, norm]);
    }

    /// <summary>(x − mean(x)) / (√variance + 1e-9) over the axes.</summary>
    public static void MeanVariance(NodeDraft node, ImportContext context)
    {
        GraphValue source = node.Input(0), axes = context.Integers(node.Name + ":axes", node.Attributes.GetIntegers("axes") ?? [0, 2, 3]);
        GraphValue mean = context.Operation("ReduceMean", node.Name + ":mean", [source, axes]);
        GraphValue centred = context.Operation("Sub", node.Name + ":centred", [source, mean]);
        GraphValue squares = context.Operation("Mul", node.Name + ":squares", [centred, centred]);
        GraphValue variance = context.Operation("ReduceMean", node.Name + ":variance", [squares, axes]);
        GraphValue deviation = context.Operation("Sqrt", node.Name + ":deviation", [variance]);
        GraphValue divisor = context.Operation("Add", node.Name + ":divisor", [deviation, context.Scalar(node.Name + ":epsilon", 1e-9f)]);
        context.EmitAs(node, "Div", [centred, divisor]);
    }

    /// <summary>LayerNormalization of input + skip + bias; the fourth output is that sum.</summary>
    public static void SkipLayer(NodeDraft node, ImportContext context)
    {
        GraphValue sum = Sum(node, context, node.OptionalInput(4));
        EmitLayer(node, context, sum, node.Input(2), node.OptionalInput(3));
    }

    /// <summary>RMSNormalization of input + skip + bias; the fourth output is that sum.</summary>
    public static void SkipRootMeanSquare(NodeDraft node, ImportContext context)
    {
        GraphValue sum = Sum(node, context, node.OptionalInput(3));
        EmitRootMeanSquare(node, context, sum, node.Input(2), node.Attributes.GetSingle("epsilon", 1e-12f));
    }

    /// <summary>LayerNormalization of the sum of gathered rows; inputs input_ids, [segment_ids], word, position, [segment]
    /// embeddings, gamma, beta, [mask], [position_ids].</summary>
    public static void EmbedLayer(NodeDraft node, ImportContext context)
    {
        if (node.Outputs.Skip(1).Any(o => !o.IsOmitted))
            throw new UnsupportedModelException(
                $"{node.Subject} delivers a mask index or the sum of embeddings, which is not supported. Export the model without "
                + "optimization.");
        GraphValue words = node.Input(0), positions = node.Input(3);
        GraphValue sum = context.Operation("Gather", node.Name + ":words", [node.Input(2), words]);
        if (node.OptionalInput(8) is { } places)
        {
            positions = context.Operation("Gather", node.Name + ":positions", [positions, places]);
        }
        else
        {
            // The first rows, as many as there are words.
            GraphValue shape = context.Operation("Shape", node.Name + ":shape", [words],
                new GraphAttributes { { "start", 1 }, { "end", 2 } });
            GraphValue zero = context.Integers(node.Name + ":zero", [0]);
            positions = context.Operation("Slice", node.Name + ":positions", [positions, zero, shape, zero]);
        }

        sum = context.Operation("Add", node.Name + ":placed", [sum, positions]);
        if (node.OptionalInput(1) is { } segments)
            sum = context.Operation("Add", node.Name + ":sum",
                [sum, context.Operation("Gather", node.Name + ":segments", [node.Input(4), segments])]);
        EmitLayer(node, context, sum, node.Input(5), node.Input(6));
    }

    private static void EmitLayer(NodeDraft node, ImportContext context, GraphValue source, GraphValue scale,
        GraphValue? shift) => context.EmitAs(
        node, "LayerNormalization", [source, scale, shift],
        new GraphAttributes { { "axis", -1 }, { "epsilon", node.Attributes.GetSingle("epsilon", 1e-12f) } });

    private static void EmitRootMeanSquare(NodeDraft node, ImportContext context, GraphValue source, GraphValue scale, float epsilon)
    {
        long axis = node.Attributes.GetInteger("axis", -1);
        int? rank = ImportContext.RankOf(source);
        if (axis >= 0)
        {
            axis -= rank ?? throw new UnsupportedModelException(
                $"{node.Subject} has a positive axis, and the file does not tell the rank of '{source.Name}'. Export the model "
                    + "with shapes.");
        }

        if (axis >= 0 || axis < -(rank ?? LargestRank))
            throw new ModelFormatException(
                $"{node.Subject}: axis {node.Attributes.GetInteger("axis", -1)} is out of range. Export the model again.");
        GraphValue axes = context.Integers(node.Name + ":axes", [.. Enumerable.Range(0, (int)-axis).Select(i => axis + i)]);
        GraphValue squares = context.Operation("Mul", node.Name + ":squares", [source, source]);
        GraphValue mean = context.Operation("ReduceMean", node.Name + ":mean", [squares, axes]);
        GraphValue biased = context.Operation("Add", node.Name + ":biased", [mean, context.Scalar(node.Name + ":epsilon", epsilon)]);
        GraphValue divisor = context.Operation("Sqrt", node.Name + ":divisor", [biased]);
        GraphValue quotient = context.Operation("Div", node.Name + ":normalized", [source, divisor]);
        context.EmitAs(node, "Mul", [quotient, scale]);
    }

    // input + skip + bias, which is the fourth output where the node has one.
    private static GraphValue Sum(NodeDraft node, ImportContext context, GraphValue? bias)
    {
        if (node.Outputs.Skip(1).Take(2).Any(o => !o.IsOmitted && o.Name.Length > 0 && IsRead(o)))
            throw new UnsupportedModelException(
                $"{node.Subject} delivers mean or deviation, which is not supported. Export the model without optimization.");
        GraphValue left = node.Input(0), right = node.Input(1);
        if (bias is not null)
            (left, right) = (context.Operation("Add", node.Name + ":skipped", [left, right]), bias);
        if (node.Outputs.Count <= 3 || node.Outputs[3].IsOmitted)
            return context.Operation("Add", node.Name + ":sum", [left, right]);
        context.Graph.AddNode("Add", [left, right], [node.Outputs[3]], name: node.Name + ":sum");
        return node.Outputs[3];

        static bool IsRead(GraphValue output) => output.Uses.Count > 0 || output.IsGraphOutput;
    }
}
