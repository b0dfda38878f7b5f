// Renders the plan of a model.
using System.Text.Json.Nodes;
using Int8Runtime.Graph;

namespace Int8Runtime.Cli;

/// <summary>The plan of a model as table and as JSON.</summary>
internal static class PlanReport
{
    private const int NameLength = 40;

    private const int FusedLength = 44;

    private const int NamesOfRemark = 4;

    /// <summary>Prints a row for each node.</summary>
    public static void Print(Terminal terminal, string title, IReadOnlyList<NodeExplanation> nodes) =>
        terminal.Table(title, ["node", "operator", "precision", "kernel", "?layout", "?output", ">MMAC", "?fused"],
            nodes.Where(n => n.Implementation != "view").Select(n => new[]
            {
                Figures.Shorten(n.Name, NameLength), n.OpType, n.Precision, n.Implementation,
                Layout(n),
                n.OutputShape.ToString(), n.MultiplyAccumulates == 0 ? "" : Figures.Invariant($"{n.MultiplyAccumulates / 1e6:F2}"),
                Fused(n),
            }));

    /// <summary>Prints why nothing better was chosen: each remark once, with the nodes that it concerns.</summary>
    public static void PrintRemarks(Terminal terminal, IReadOnlyList<NodeExplanation> nodes)
    {
        var remarks = nodes.SelectMany(n => n.Notes.Distinct().Select(note => (note, n.Name))).GroupBy(r => r.note, r => r.Name);
        foreach (IGrouping<string, string> remark in remarks)
        {
            string[] names = [.. remark];
            string rest = names.Length > NamesOfRemark ? $" and {names.Length - NamesOfRemark} more" : "";
            terminal.Line($"{string.Join(", ", names.Take(NamesOfRemark))}{rest}: {remark.Key}");
        }
    }

    /// <summary>Prints everything about single nodes, with nothing shortened.</summary>
    public static void PrintDetails(Terminal terminal, IReadOnlyList<NodeExplanation> nodes)
    {
        foreach (NodeExplanation node in nodes)
        {
            terminal.Line($"{node.Name} ({node.OpType})");
            terminal.Line($"  precision  {node.Precision}");
            terminal.Line($"  kernel     {node.Implementation}");
            terminal.Line($"  layout     {node.InputLayout} → {node.OutputLayout}");
            if (node.WeightsLayout.Length > 0)
                terminal.Line($"  weights    {node.WeightsLayout}");
            terminal.Line($"  output     {node.OutputShape}");
            terminal.Line(Figures.Invariant(
                $"  work       {node.MultiplyAccumulates} multiply-accumulates, {Figures.Bytes(node.Bytes)} read and written"));
            if (node.FusedNodes.Count > 0)
                terminal.Line($"  fused      {string.Join(", ", node.FusedNodes.Zip(node.FusedOperators, (name, type) => $"{name} ({type})"))}");
            foreach (string note in node.Notes)
                terminal.Line($"  remark     {note}");
            if (node.Problem is not null)
                terminal.Line($"  problem    {node.Problem}");
        }
    }

    // The strides of a view into a larger tensor are left to the details; the star stays.
    private static string Layout(NodeExplanation node)
    {
        string source = WithoutStrides(node.InputLayout), destination = WithoutStrides(node.OutputLayout);
        return source == destination ? source : $"{source}→{destination}";
    }

    private static string WithoutStrides(string layout) =>
        layout.IndexOf('*', StringComparison.Ordinal) is >= 0 and int star ? layout[..(star + 1)] : layout;

    // As many names as fit, then how many are left. Quantizers are left out: types and scales are those of the edges.
    private static string Fused(NodeExplanation node)
    {
        string[] names = [.. node.FusedNodes.Zip(node.FusedOperators)
            .Where(fused => fused.Second is not ("QuantizeLinear" or "DequantizeLinear" or "FakeQuantize")).Select(fused => fused.First)];
        string all = string.Join(", ", names);
        if (all.Length <= FusedLength)
            return all;
        string first = Figures.Shorten(names[0], FusedLength - 4);
        return names.Length == 1 ? first : $"{first} +{names.Length - 1}";
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
                ["weights_layout"] = n.WeightsLayout,
                ["output_shape"] = n.OutputShape.ToString(),
                ["multiply_accumulates"] = n.MultiplyAccumulates,
                ["bytes"] = n.Bytes,
                ["int8"] = n.IsInt8,
                ["slow"] = n.IsSlow,
                ["fused"] = Strings(n.FusedNodes),
                ["fused_operators"] = Strings(n.FusedOperators),
                ["notes"] = Strings(n.Notes),
                ["problem"] = n.Problem?.ToString(),
            })]),
        };
        if (withPasses)
            json["passes"] = Strings([.. explanation.Passes.Select(p => p.ToString())]);
        return json;
    }

    private static JsonArray Strings(IReadOnlyList<string> texts) => new([.. texts.Select(t => JsonValue.Create(t))]);
}
