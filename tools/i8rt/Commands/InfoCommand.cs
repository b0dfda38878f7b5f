// i8rt info: what the CPU offers and what the engine will use.
using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli.Commands;

/// <summary>Shows CPU, instruction sets, threads and optional libraries; or, given a model, its inputs, outputs and operators.</summary>
internal static class InfoCommand
{
    public static Command Create()
    {
        var model = new Argument<string?>(ModelFile.ArgumentName) { Description = "Model to describe (optional).",
            Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("info",
            "Show what this CPU offers, or what a model holds.\n\nExamples:\n  i8rt info\n  i8rt info net.onnx --json")
        {
            model,
        };
        EngineOptions.AddTo(command);
        command.SetBody((parse, terminal, _) => parse.GetValue(model) is { } path ? Describe(path, terminal) : Machine(parse, terminal));
        return command;
    }

    private static int Machine(ParseResult parse, Terminal terminal)
    {
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        var facts = new JsonObject
        {
            ["version"] = typeof(Engine).Assembly.GetName().Version?.ToString(3),
            ["runtime"] = RuntimeInformation.FrameworkDescription,
            ["system"] = RuntimeInformation.OSDescription,
            ["cpu"] = CpuEngine.CpuName,
            ["tier"] = engine.Tier,
            ["instruction_sets"] = engine.Isa.ToString(),
            ["emulated"] = engine.Emulated.ToString(),
            ["processors"] = Environment.ProcessorCount,
            ["threads"] = engine.Threads,
            ["measured_tiles"] = EngineOptions.DescribeTuning(engine, EngineOptions.TuningFile(parse)),
            ["cache_on_disk"] = engine.ModelCache?.Folder ?? "none",
            ["code_generation"] = CpuEngine.Limitation ?? "available",
            ["jpeg"] = ImageCodec.IsJpegAvailable ? "available" : "not available: install libturbojpeg0",
        };
        terminal.Table("", ["", ""], facts.Select(f => new[] { f.Key.Replace('_', ' '), f.Value?.ToString() ?? "" }));
        terminal.Json(facts);
        return ExitCode.Success;
    }

    private static int Describe(string path, Terminal terminal)
    {
        Graph.ModelGraph graph = ModelFile.Load(path);
        var operators = graph.Nodes.GroupBy(n => n.OpType).OrderByDescending(g => g.Count())
            .ThenBy(g => g.Key, StringComparer.Ordinal).ToArray();
        long elements = graph.Values.Where(v => v.IsConstant).Sum(v => (long)v.Constant!.ElementCount);
        terminal.Line($"{path}: {graph.Name}, {graph.Nodes.Count} nodes, {elements} constant elements, "
            + $"{Figures.Bytes(ModelFile.SizeOf(path))}");
        terminal.Table("inputs and outputs", ["", "name", "type", "shape"],
            graph.Inputs.Select(v => new[] { "input", v.Name, v.ElementType.ToShortName(), v.Shape?.ToString() ?? "?" })
                .Concat(graph.Outputs.Select(v => new[] { "output", v.Name, v.ElementType.ToShortName(), v.Shape?.ToString() ?? "?" })));
        terminal.Table("operators", ["operator", ">count"], operators.Select(g => new[] { g.Key, g.Count().ToString() }));
        terminal.Json(new JsonObject
        {
            ["model"] = path,
            ["nodes"] = graph.Nodes.Count,
            ["constant_elements"] = elements,
            ["inputs"] = Values(graph.Inputs),
            ["outputs"] = Values(graph.Outputs),
            ["operators"] = new JsonObject(operators.Select(g => KeyValuePair.Create(g.Key, (JsonNode?)g.Count()))),
        });
        return ExitCode.Success;
    }

    private static JsonArray Values(IReadOnlyList<Graph.GraphValue> values) => new([.. values.Select(v => new JsonObject
    {
        ["name"] = v.Name, ["type"] = v.ElementType.ToShortName(), ["shape"] = v.Shape?.ToString(),
    })]);
}
