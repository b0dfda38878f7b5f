// Renders the plan of a model.
using System.Text.Json.Nodes;
using Int8Runtime.Graph;

namespace Int8Runtime.Cli;

/// <summary>The plan of a model as table and as JSON.</summary>
internal static class PlanReport
{
    /// <summary>Prints a row for each node and its remarks below.</summary>
    public static void Print(Terminal terminal, string title, IReadOnlyList<NodeExplanation> nodes)
    {
        terminal.Table(title, ["node", "operator", "precision", "kernel", "layout", "output", ">MMAC", "fused"],
            nodes.Where(n => n.Implementation != "view").Select(n => new[]
            {
                n.Name, n.OpType, n.Precision, n.Implementation, n.InputLayout == n.OutputLayout ? n.InputLayout : $"{n.InputLayout}→{n.OutputLayout}",
                n.OutputShape.ToString(), n.MultiplyAccumulates == 0 ? "" : Figures.Invariant($"{n.MultiplyAccumulates / 1e6:F2}"),
                string.Join(", ", n.FusedNodes),
            }));
        foreach (NodeExplanation node in nodes.Where(n => n.Notes.Count > 0))
            foreach (string note in node.Notes)
                terminal.Line($"{node.Name}: {note}");
    }

    /// <summary>Everything the explanation holds.</summary>
    public static JsonObject ToJson(ModelExplanation explanation, IReadOnlyList<NodeExplanation> nodes, bool withPasses)
    {
        var json = new JsonObject
        {
            ["model"] = explanation.Model,
            ["int8_nodes"] = explanation.Int8Nodes,
            ["computing_nodes"] = explanation.ComputingNodes,
            ["reorders"] = explanation.Reorders,
            ["multiply_accumulates"] = explanation.MultiplyAccumulates,
            ["activation_bytes"] = explanation.ArenaBytes,
            ["weight_bytes"] = explanation.WeightsBytes,
            ["nodes"] = new JsonArray([.. nodes.Select(n => new JsonObject
            {
                ["name"] = n.Name,
                ["operator"] = n.OpType,
                ["precision"] = n.Precision,
                ["implementation"] = n.Implementation,
                ["input_layout"] = n.InputLayout,
                ["output_layout"] = n.OutputLayout,
                ["output_shape"] = n.OutputShape.ToString(),
                ["multiply_accumulates"] = n.MultiplyAccumulates,
                ["bytes"] = n.Bytes,
                ["int8"] = n.IsInt8,
                ["slow"] = n.IsSlow,
                ["fused"] = Strings(n.FusedNodes),
                ["notes"] = Strings(n.Notes),
            })]),
        };
        if (withPasses)
            json["passes"] = Strings([.. explanation.Passes.Select(p => p.ToString())]);
        return json;
    }

    private static JsonArray Strings(IReadOnlyList<string> texts) => new([.. texts.Select(t => JsonValue.Create(t))]);
}
