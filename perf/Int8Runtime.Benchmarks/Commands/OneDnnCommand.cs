// onednn: kernels side by side with oneDNN.
using System.CommandLine;
using Int8Runtime.Benchmarks.OneDnn;

namespace Int8Runtime.Benchmarks.Commands;

internal static class OneDnnCommand
{
    private static readonly Argument<string[]> Files = new(
        "files") { Description = "benchdnn shape files, in folders named conv, ip or matmul.", Arity = ArgumentArity.OneOrMore };

    private static readonly Option<string> Types =
        new("--dt") { Description = "Types of source, weights and destination.", DefaultValueFactory = _ => "u8:s8:u8" };

    private static readonly Option<int> Batch =
        new("--mb") { Description = "Batch; 0 keeps that of the file.", DefaultValueFactory = _ => 1 };

    private static readonly Option<string> Filter =
        new("--filter") { Description = "Only problems that contain this text.", DefaultValueFactory = _ => "" };

    static OneDnnCommand()
    {
        Types.Validators.Add(r => Output.Check(r, () => OperandTypes.Parse(r.GetValueOrDefault<string>()), "--dt"));
        Batch.Validators.Add(r => Output.Require(r, r.GetValueOrDefault<int>() >= 0, "--mb must be at least 0"));
    }

    public static Command Create()
    {
        var command = new Command("onednn",
            """
            Time convolutions, matrix products and fully connected layers in turn with oneDNN (libdnnl2).

            Example:
              onednn benchdnn/conv/shapes_resnet_50_v1_5 --dt u8:s8:u8 --threads 1 --seconds 0.5 -o resnet.md
            """) { Files, Types,
            Batch, Filter };
        Output.AddTo(command);
        command.SetAction(parse =>
        {
            var options = new KernelComparisonOptions(
                OperandTypes.Parse(parse.GetValue(Types)!), parse.GetValue(Batch), parse.GetValue(Output.Threads),
                parse.GetValue(Output.Seconds), parse.GetValue(Filter)!);
            var comparison = new KernelComparison(options, Console.Error);
            ShapeFile[] files = [.. parse.GetValue(Files)!.Select(f => ShapeFile.Read(f, options.Batch))];
            return Output.Write(parse, [.. files.Select(comparison.Run)]);
        });
        return command;
    }
}
