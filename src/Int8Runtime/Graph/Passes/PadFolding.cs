// Explicit padding becomes part of the window behind it.
namespace Int8Runtime.Graph.Passes;

/// <summary>
/// Folds a Pad of spatial dimensions with zeros into the Conv, or the AveragePool that counts padding, behind it. A maximum
/// never sees its own padding, so a Pad before a MaxPool stays unless it pads with −∞.
/// </summary>
internal sealed class PadFolding : IGraphPass
{
    public string Name => "pad-folding";

    public void Run(ModelGraph graph, PassLog log)
    {
        foreach (GraphNode pad in graph.Nodes.ToArray())
        {
            if (!pad.Is("Pad") || pad.Output.SoleConsumer is not { } consumer || pad.Output.Uses[0].InputIndex != 0
                || Read(pad, consumer) is not { } added)
                continue;
            int rank = added.Length / 2;
            int[] present = consumer.Attributes.GetInt32s("pads") ?? new int[2 * rank];
            string automatic = consumer.Attributes.GetString("auto_pad", "NOTSET");
            bool explicitPads = automatic is "NOTSET" or "" || automatic == "VALID";
            if (!explicitPads || present.Length != 2 * rank || consumer.Attributes.GetBoolean("ceil_mode"))
                continue;
            if (consumer.Is("AveragePool") && !consumer.Attributes.GetBoolean("count_include_pad") && Array.Exists(present, p => p != 0))
                continue;   // its own padding does not count, but the explicit one would have to
            for (int i = 0; i < present.Length; i++)
                present[i] = (automatic == "VALID" ? 0 : present[i]) + added[i];
            consumer.Attributes.Add("pads", present);
            consumer.Attributes.Remove("auto_pad");
            if (consumer.Is("AveragePool"))
                consumer.Attributes.Add("count_include_pad", 1);
            consumer.SetInput(0, pad.Input(0));
            string folded = pad.Name;
            graph.RemoveNode(pad);
            log.Add(Name, consumer.Name, $"pads by {folded} itself");
        }
    }

    // The padding before and after the spatial dimensions, or null where it cannot be part of the window.
    private static int[]? Read(GraphNode pad, GraphNode consumer)
    {
        if (pad.Attributes.GetString("mode", "constant") != "constant" || pad.ConstantInput(1) is not { } pads)
            return null;
        float value = pad.OptionalInput(2) is null ? 0 : pad.ConstantInput(2)?.ToSingleArray() is [var one] ? one : float.NaN;
        bool fits = consumer.OpType switch
        {
            "Conv" or "AveragePool" => value == 0,
            "MaxPool" => value <= float.MinValue,
            _ => false,
        };
        int[] amounts = pads.ToInt32Array();
        int rank = consumer.Is("Conv") ? consumer.ConstantInput(1)?.Rank ?? pad.Input(0).Shape?.Rank ?? 0
            : (consumer.Attributes.GetInt32s("kernel_shape")?.Length ?? -2) + 2;
        if (!fits || rank < 3 || pad.OptionalInput(3) is { } && pad.ConstantInput(3) is null)
            return null;
        int[] axes = pad.ConstantInput(3)?.ToInt32Array() ?? [.. Enumerable.Range(0, amounts.Length / 2)];
        if (amounts.Length != 2 * axes.Length || Array.Exists(amounts, a => a < 0))
            return null;
        var result = new int[2 * (rank - 2)];
        for (int i = 0; i < axes.Length; i++)
        {
            int axis = axes[i] < 0 ? axes[i] + rank : axes[i];
            if (axis < 2 || axis >= rank)
            {
                if (amounts[i] != 0 || amounts[axes.Length + i] != 0)
                    return null;
                continue;
            }

            result[axis - 2] = amounts[i];
            result[axis - 2 + rank - 2] = amounts[axes.Length + i];
        }

        return result;
    }
}
