// i8rt randomize: a copy of a model with seeded random weights, for timing.
using System.CommandLine;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli.Commands;

/// <summary>Writes a copy of a model with random weights.</summary>
internal static class RandomizeCommand
{
    public static Command Create()
    {
        Argument<string> model = ModelFile.CreateArgument();
        var output = new Option<string>("--output", "-o") { Description = "The model to write.", HelpName = "FILE", Required = true };
        var seed = new Option<int>("--seed") { Description = "Seed of the weights.", DefaultValueFactory = _ => 1, HelpName = "N" };
        var command = new Command("randomize",
            """
            Write a copy of a model whose weights are seeded random numbers. Constant, zero or denormal weights distort
            timings; random ones keep the activations in a sane range.

            Example:
              i8rt randomize structure.onnx -o timed.onnx
            """)
        {
            model, output, seed,
        };
        command.SetBody((parse, terminal, _) =>
        {
            string path = parse.GetValue(model)!, target = parse.GetValue(output)!;
            ModelFile.CheckOutput(target, path);
            ModelGraph graph = RandomWeights.Apply(GraphSimplification.Simplify(ModelFile.Load(path)), parse.GetValue(seed));
            ModelFile.Save(graph, target);
            terminal.Line($"{target}: {Figures.Bytes(ModelFile.SizeOf(target))}");
            terminal.Json(new JsonObject { ["model"] = path, ["output"] = target, ["bytes"] = ModelFile.SizeOf(target) });
            return ExitCode.Success;
        });
        return command;
    }
}
