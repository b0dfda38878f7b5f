// i8rt explain: how each layer of a model runs, and why.
using System.CommandLine;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;

namespace Int8Runtime.Cli.Commands;

/// <summary>Shows the plan of a compiled model.</summary>
internal static class ExplainCommand
{
    private static readonly Option<string?> Layer =
        new("--layer") { Description = "Only nodes whose name contains this text, with all details.", HelpName = "NAME" };

    private static readonly Option<bool> Passes = new("--passes") { Description = "Also list what each graph pass changed." };

    public static Command Create() => ModelCommand.Create(
        "explain",
        """
        Show for each node: precision, kernel, layout, fused nodes, and why nothing better was chosen.

        Examples:
          i8rt explain net-int8.onnx
          i8rt explain net-int8.onnx --layer conv1
          i8rt explain net-int8.onnx --isa avx2 --json
        """,
        Run,
        [Layer, Passes]);

    private static int Run(ParseResult parse, string path, Terminal terminal, CancellationToken _)
    {
        ModelGraph graph = ModelFile.Load(path);
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        using CompiledModel model = engine.Compile(graph);
        ModelExplanation explanation = model.Explain();
        string? layer = parse.GetValue(Layer);
        NodeExplanation[] nodes =
            [.. explanation.Nodes.Where(n => layer is null || n.Name.Contains(layer, StringComparison.OrdinalIgnoreCase)
            || n.FusedNodes.Any(f => f.Contains(layer, StringComparison.OrdinalIgnoreCase)))];
        if (nodes.Length == 0)
            throw new UsageException($"no node of '{path}' has '{layer}' in its name");

        if (layer is null)
            PlanReport.Print(terminal, explanation.Model, nodes);
        else
            PlanReport.PrintDetails(terminal, nodes);
        terminal.Line(Figures.Invariant(
            $"{explanation.Int8Nodes} of {explanation.ComputingNodes} nodes in int8, {explanation.Reorders} layout changes, ")
            + Figures.Invariant($"{explanation.MultiplyAccumulates / 1e6:F1} million multiply-accumulates, ")
            + $"activations {Figures.Bytes(explanation.ArenaBytes)}, weights {Figures.Bytes(explanation.WeightsBytes)}");
        if (layer is null)
            PlanReport.PrintRemarks(terminal, nodes);
        if (parse.GetValue(Passes))
            terminal.Table("what the passes changed", ["pass", "node", "change"],
                explanation.Passes.Select(p => new[] { p.Pass, p.Node, p.Change }));
        if (nodes.Count(n => n.IsSlow) is > 0 and int slow)
            terminal.Warning($"{slow} of {nodes.Length} nodes have no generated kernel here; they are slow: {string.Join(", ", nodes.Where(n => n.IsSlow).Take(5).Select(n => $"{n.Name} ({n.OpType})"))}{(slow > 5 ? ", …" : "")}");
        terminal.Json(PlanReport.ToJson(explanation, nodes, parse.GetValue(Passes)));
        return ExitCode.Success;
    }
}
