// i8rt convert: ONNX to OpenVINO IR and back.
using System.CommandLine;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;

namespace Int8Runtime.Cli.Commands;

/// <summary>Writes a model in another format.</summary>
internal static class ConvertCommand
{
    private const int NamedNodes = 5;

    public static Command Create()
    {
        Argument<string> model = ModelFile.CreateArgument();
        var output = new Option<string>("--output", "-o")
        {
            Description = "The model to write: .onnx, or .xml for OpenVINO IR of version 11 with a .bin file beside it.",
            HelpName = "FILE", Required = true,
        };
        var command = new Command("convert",
            """
            Convert a model between ONNX and OpenVINO IR. Quantized weights stay integers of 8 or 4 bits; quantizers of activations become
            FakeQuantize in IR, QuantizeLinear and DequantizeLinear in ONNX.

            Examples:
              i8rt convert net-int8.onnx -o net-int8.xml
              i8rt convert net.xml -o net.onnx
            """)
        {
            model, output,
        };
        command.SetBody((parse, terminal, _) => Run(parse.GetValue(model)!, parse.GetValue(output)!, terminal));
        return command;
    }

    private static int Run(string path, string output, Terminal terminal)
    {
        ModelFile.CheckOutput(output, path);
        if (Path.GetExtension(output).ToLowerInvariant() is not (".onnx" or ".xml"))
            throw new UsageException($"the output '{output}' is neither .onnx nor .xml; the extension names the format");
        ModelGraph graph = ModelFile.Load(path);
        IReadOnlyList<GraphNode> foreign = ModelFile.Save(graph, output);
        terminal.Line($"{output}: {graph.Nodes.Count} nodes, {Figures.Bytes(ModelFile.SizeOf(path))} → "
            + $"{Figures.Bytes(ModelFile.SizeOf(output))}");
        if (foreign.Count > 0)
        {
            terminal.Warning($"{Figures.Count(foreign.Count, "node")} of '{output}' keep OpenVINO's own operators, which ONNX has no form for "
                + $"and only Int8Runtime reads: {string.Join(", ", foreign.Take(NamedNodes).Select(n => $"{n.Name} ({n.OpType})"))}"
                + $"{(foreign.Count > NamedNodes ? ", …" : "")}. For other runtimes keep the .xml file");
        }

        terminal.Json(new JsonObject
        {
            ["model"] = path,
            ["output"] = output,
            ["nodes"] = graph.Nodes.Count,
            ["bytes_before"] = ModelFile.SizeOf(path),
            ["bytes_after"] = ModelFile.SizeOf(output),
            ["openvino_nodes"] = new JsonArray([.. foreign.Select(n => (JsonNode)n.Name)]),
        });
        return ExitCode.Success;
    }
}
