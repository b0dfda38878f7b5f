// i8rt zoo: well-known networks with random weights, for timing.
using System.CommandLine;
using System.Text.Json.Nodes;
using Int8Runtime.Cli.Zoo;

namespace Int8Runtime.Cli.Commands;

/// <summary>Writes a network of the zoo, or lists all of them.</summary>
internal static class ZooCommand
{
    public static Command Create()
    {
        var name = new Argument<string?>("NAME") { Description = "The network; without it all are listed.",
            Arity = ArgumentArity.ZeroOrOne };
        var output = new Option<string?>("--output", "-o") { Description = "The model to write (default: NAME.onnx).", HelpName = "FILE" };
        var seed = new Option<int>("--seed") { Description = "Seed of the weights.", DefaultValueFactory = _ => 1, HelpName = "N" };
        var batch = new Option<int>("--batch") { Description = "Samples in a batch.", DefaultValueFactory = _ => 1, HelpName = "N" };
        var command = new Command("zoo",
            """
            Write a well-known network as ONNX: the published layers with seeded random weights that keep activations in a sane
            range. Such models tell speed and memory, not accuracy.

            Examples:
              i8rt zoo
              i8rt zoo resnet50 -o resnet50.onnx
              i8rt zoo wide_deep --batch 512 -o wide_deep.onnx
            """)
        {
            name, output, seed, batch,
        };
        command.SetBody((parse, terminal, cancellation) =>
        {
            if (parse.GetValue(name) is not { } wanted)
            {
                foreach (ZooModel item in ModelZoo.All)
                    terminal.Line($"{item.Name,-15} {item.Parameters / 1e6,7:F2} M  {item.Description}");
                terminal.Json(new JsonObject
                {
                    ["networks"] = new JsonArray([.. ModelZoo.All.Select(m => new JsonObject
                    {
                        ["name"] = m.Name, ["parameters"] = m.Parameters, ["description"] = m.Description,
                    })]),
                });
                return ExitCode.Success;
            }

            int samples = parse.GetValue(batch);
            if (samples < 1)
                throw new UsageException($"--batch is {samples}; it must be at least 1");
            ZooModel model = ModelZoo.Find(wanted);
            string target = parse.GetValue(output) ?? model.Name + ".onnx";
            ModelFile.CheckOutput(target);
            ModelFile.Save(terminal.Progress("drawing weights", progress => model.Create(
                parse.GetValue(seed), samples, done => progress.Report(((int)done, (int)model.Parameters)), cancellation)), target);
            long bytes = ModelFile.SizeOf(target);
            terminal.Line($"{target}: {model.Description}, {model.Parameters / 1e6:F2} M parameters, {Figures.Bytes(bytes)}");
            terminal.Json(new JsonObject
            {
                ["model"] = model.Name, ["output"] = target, ["parameters"] = model.Parameters, ["bytes"] = bytes,
            });
            return ExitCode.Success;
        });
        return command;
    }
}
