// Normalisation operators: forms of training and of old operator sets that mean nothing, or something else, in
// inference.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Upgrades;

/// <summary>Upgrades of BatchNormalization, Dropout and GroupNormalization.</summary>
internal static class NormalizationUpgrades
{
    /// <summary>Keeps the inference form: epsilon only, one output.</summary>
    public static void BatchNormalization(NodeDraft node, ImportContext context)
    {
        if (node.Attributes.GetBoolean("training_mode"))
        {
            EmitTrainingForm(node, context);
            return;
        }

        if (!node.Attributes.GetBoolean("spatial", true))
            throw new UnsupportedModelException(
                $"{node.Subject} normalises per element (spatial = 0), which is not supported.");
        node.Attributes.Remove("spatial");
        node.Attributes.Remove("momentum");
        node.Attributes.Remove("training_mode");
        DropUnusedOutputs(node);
        context.Emit(node);
    }

    /// <summary>The ratio of Dropout plays no part in inference.</summary>
    public static void Dropout(NodeDraft node, ImportContext context)
    {
        node.Attributes.Remove("ratio");
        node.Attributes.Remove("seed");
        context.Emit(node);
    }

    /// <summary>Before 21 scale and bias had one element per group instead of one per channel.</summary>
    public static void GroupNormalization(NodeDraft node, ImportContext context)
    {
        if (context.OperatorSet < 21)
        {
            if (node.Input(0).Shape is not { Rank: > 1 } shape || shape[1].Extent is not { } channels)
                throw new UnsupportedModelException(
                    $"{node.Subject}: GroupNormalization of operator set {context.OperatorSet} needs the number of channels of "
                    + $"'{node.Input(0).Name}', which the file does not tell. Export the model with operator set 21.");
            long groups = node.Attributes.GetInteger("num_groups", 1);
            for (int i = 1; i <= 2; i++)
            {
                // [groups] → [groups, channels / groups] → [channels]
                GraphValue column = context.Operation("Unsqueeze", $"{node.Name}:column{i}",
                    [node.Input(i), context.Integers(node.Name + ":axis", [1])]);
                GraphValue repeated = context.Operation(
                    "Expand", $"{node.Name}:repeated{i}",
                    [column, context.Integers(node.Name + ":shape", [groups, channels / Math.Max(groups, 1)])]);
                node.SetInput(i, context.Operation("Reshape", $"{node.Name}:channels{i}",
                    [repeated, context.Integers(node.Name + ":extent", [channels])]));
            }
        }

        context.Emit(node);
    }

    // Mean and variance of the batch normalize it, and move the running ones, which are the second and third output.
    private static void EmitTrainingForm(NodeDraft node, ImportContext context)
    {
        GraphValue source = node.Input(0);
        if (ImportContext.RankOf(source) is not { } rank || rank < 2)
            throw new UnsupportedModelException(
                $"{node.Subject} is in training mode, and the file does not tell the rank of '{source.Name}'. Export the model "
                    + "for inference.");
        GraphValue axes = context.Integers(node.Name + ":axes", [0, .. Enumerable.Range(2, rank - 2)]);
        GraphValue spatial = context.Integers(node.Name + ":spatial", [.. Enumerable.Range(1, rank - 2)]);
        GraphValue mean = context.Operation("ReduceMean", node.Name + ":mean", [source, axes]);
        GraphValue centred = context.Operation("Sub", node.Name + ":centred", [source, mean]);
        GraphValue squares = context.Operation("Mul", node.Name + ":squares", [centred, centred]);
        GraphValue variance = context.Operation("ReduceMean", node.Name + ":variance", [squares, axes]);
        GraphValue epsilon = context.Scalar(node.Name + ":epsilon", node.Attributes.GetSingle("epsilon", 1e-5f));
        GraphValue deviation = context.Operation("Sqrt", node.Name + ":deviation",
            [context.Operation("Add", node.Name + ":biased", [variance, epsilon])]);
        GraphValue normal = context.Operation("Div", node.Name + ":normal", [centred, deviation]);
        GraphValue scaled = context.Operation("Mul", node.Name + ":scaled", [normal, PerChannel(1)]);
        context.EmitAs(node, "Add", [scaled, PerChannel(2)]);
        Move(1, 3, mean);
        Move(2, 4, variance);

        GraphValue PerChannel(int input) => context.Operation("Unsqueeze", $"{node.Name}:parameter{input}", [node.Input(input), spatial]);

        void Move(int output, int running, GraphValue statistic)
        {
            if (output >= node.Outputs.Count || node.Outputs[output].IsOmitted)
                return;
            float momentum = node.Attributes.GetSingle("momentum", 0.9f);
            GraphValue kept = context.Operation("Mul", $"{node.Name}:kept{output}",
                [node.Input(running), context.Scalar(node.Name + ":momentum", momentum)]);
            GraphValue vector = context.Operation("Squeeze", $"{node.Name}:vector{output}", [statistic, axes]);
            GraphValue share = context.Operation("Mul", $"{node.Name}:share{output}",
                [vector, context.Scalar(node.Name + ":rest", 1 - momentum)]);
            context.Graph.AddNode("Add", [kept, share], [node.Outputs[output]], name: $"{node.Name}:running{output}");
        }
    }

    // Before 14 there were up to four more outputs, for training; exporters list them although nothing reads them.
    private static void DropUnusedOutputs(NodeDraft node)
    {
        if (node.Outputs.Count > 1)
            node.Outputs.RemoveRange(1, node.Outputs.Count - 1);
    }
}
