// i8rt eval: accuracy of a classifier.
using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli.Commands;

/// <summary>Measures top-1 and top-5 accuracy on labelled images.</summary>
internal static class EvalCommand
{
    private static readonly Option<int> LabelOffset = new("--label-offset")
    {
        Description = "Added to each label, for models with extra classes in front (1 for a background class).", HelpName = "N",
    };

    private static readonly Option<string?> OutputName = new("--output-name") { Description = "Output that holds the scores (default: the first).", HelpName = "NAME" };

    private static readonly Option<int?> Samples = new("--samples") { Description = "Use only this many samples, spread over the set.", HelpName = "N" };

    public static Command Create()
    {
        Argument<string> model = ModelFile.CreateArgument();
        var command = new Command("eval",
            """
            Measure top-1 and top-5 accuracy of a classifier.

            Examples:
              i8rt eval net.onnx --data images/ --preprocess imagenet
              i8rt eval cifar.onnx --data test.bin --preprocess cifar10 --json
            """)
        {
            model, OutputName, LabelOffset, Samples,
        };
        DataOptions.AddTo(command);
        EngineOptions.AddTo(command);
        command.SetBody((parse, terminal, cancellation) => Run(parse, parse.GetValue(model)!, terminal, cancellation));
        return command;
    }

    private static int Run(ParseResult parse, string path, Terminal terminal, CancellationToken cancellation)
    {
        ModelGraph graph = ModelFile.Load(path);
        IDataset samples = DataOptions.Open(parse, requireLabels: true);
        if (parse.GetValue(Samples) is { } count)
            samples = count >= 1 ? samples.Subset(count) : throw new UsageException($"--samples is {count}; it must be at least 1");
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        var watch = Stopwatch.StartNew();
        TopKAccuracy accuracy = terminal.Progress("evaluating", progress => ClassificationEvaluator.Evaluate(
            engine, graph, samples, parse.GetValue(OutputName), parse.GetValue(LabelOffset), predictions: null,
            new ProgressAdapter<SampleProgress>(p => progress.Report((p.Done, p.Total))), cancellation));
        terminal.Line($"{path}: top-1 {Figures.Percent(accuracy.Top1)}, top-5 {Figures.Percent(accuracy.Top5)} on {accuracy.Count} samples ({Figures.Seconds(watch.Elapsed)})");
        terminal.Json(new JsonObject
        {
            ["model"] = path,
            ["data"] = samples.Name,
            ["samples"] = accuracy.Count,
            ["top1"] = Figures.Number(accuracy.Top1),
            ["top5"] = Figures.Number(accuracy.Top5),
            ["isa"] = engine.Tier,
            ["seconds"] = watch.Elapsed.TotalSeconds,
        });
        return ExitCode.Success;
    }
}
