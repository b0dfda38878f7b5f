// i8rt inspect: which layers will run in int8, why the others will not, and what can be chosen for each.
using System.CommandLine;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli.Commands;

/// <summary>Shows the precision of each layer, with reasons, and the capabilities of each operator.</summary>
internal static class InspectCommand
{
    private static readonly Option<bool> Capabilities =
        new("--capabilities") { Description = "Also list what a tuner may choose for each operator." };

    public static Command Create() => ModelCommand.Create(
        "inspect",
        """
        Show how many layers will run in int8, why the others will not, and which precisions, granularities and schemes each
        operator allows. JSON always holds both lists.

        Examples:
          i8rt inspect net-int8.xml
          i8rt inspect net.onnx --capabilities
          i8rt inspect net-int8.onnx --json
        """,
        Run,
        [Capabilities]);

    private static int Run(ParseResult parse, string path, Terminal terminal, CancellationToken _)
    {
        ModelGraph graph = ModelFile.Load(path);
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        using CompiledModel model = engine.Compile(graph);
        // A quantizer that stands alone, such as that of the model's input, is no layer: it changes the type between two.
        ILookup<bool, NodeExplanation> steps = model.Explain().Nodes.Where(n => n.Implementation != "view")
            .ToLookup(n => n.IsConversion);
        NodeExplanation[] layers = [.. steps[false]], conversions = [.. steps[true]];
        NodeExplanation[] real = [.. layers.Where(n => !n.IsInt8)];
        IReadOnlyList<OperatorCapability> capabilities = OperatorCapabilities.Of(graph);

        terminal.Line($"{path}: will run int8: {layers.Length - real.Length} of {layers.Length} layers");
        if (conversions.Length > 0)
            terminal.Line($"between layers, types change at {string.Join(", ", conversions.Select(n => $"{Figures.Shorten(n.Name, 48)} ({n.Precision})"))}");
        FloatLayer.Print(
            terminal, "layers that will not run int8", [.. real.Select(n => new FloatLayer(n.Name, n.OpType, ReasonOf(n)))]);
        if (parse.GetValue(Capabilities))
        {
            terminal.Table("what can be chosen", ["layer", "operator", "precisions", "activations", "weights"],
                capabilities.Select(c => new[]
            {
                Figures.Shorten(c.Name, 48), c.OpType, string.Join(", ", c.Precisions),
                Choices(c.ActivationTypes, c.ActivationGranularity, c.ActivationSchemes),
                Choices(c.WeightTypes, c.WeightGranularity, c.WeightSchemes),
            }));
        }
        else
        {
            terminal.Line($"{capabilities.Count} operators can be tuned; --capabilities lists what can be chosen for each");
        }

        terminal.Json(new JsonObject
        {
            ["model"] = path,
            ["int8_layers"] = layers.Length - real.Length,
            ["layers"] = layers.Length,
            ["float_layers"] = new JsonArray([.. real.Select(n => new JsonObject
            {
                ["name"] = n.Name, ["operator"] = n.OpType, ["precision"] = n.Precision, ["reason"] = ReasonOf(n),
            })]),
            ["conversions"] = new JsonArray([.. conversions.Select(n => new JsonObject { ["name"] = n.Name, ["precision"] = n.Precision })]),
            ["capabilities"] = new JsonArray([.. capabilities.Select(c => new JsonObject
            {
                ["name"] = c.Name,
                ["operator"] = c.OpType,
                ["precisions"] = Strings(c.Precisions),
                ["activation_types"] = Strings(c.ActivationTypes),
                ["activation_granularity"] = Strings(c.ActivationGranularity),
                ["activation_schemes"] = Strings(c.ActivationSchemes),
                ["weight_types"] = Strings(c.WeightTypes),
                ["weight_granularity"] = Strings(c.WeightGranularity),
                ["weight_schemes"] = Strings(c.WeightSchemes),
            })]),
        });
        return ExitCode.Success;
    }

    // What the compiler noted, or what the operator itself says.
    private static string ReasonOf(NodeExplanation node)
    {
        string[] notes = [.. node.Notes.Where(n => !n.StartsWith("copies ", StringComparison.Ordinal))];
        return notes.Length > 0 ? string.Join("; ", notes) : node.OpType switch
        {
            "FakeQuantize" or "Cast" => "changes between f32 and integers",
            _ => "its operand is f32: no quantizer stands in front of it",
        };
    }

    private static string Choices(params IReadOnlyList<string>[] lists) =>
        lists[0].Count == 0 ? "" : string.Join("; ", lists.Select(l => string.Join(" or ", l)));

    private static JsonArray Strings(IReadOnlyList<string> texts) => new([.. texts.Select(t => JsonValue.Create(t))]);
}
