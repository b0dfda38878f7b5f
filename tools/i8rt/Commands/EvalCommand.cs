// i8rt eval: the accuracy of a model by a metric of choice.
using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Quantization;
using Int8Runtime.Quantization.Reporting;

namespace Int8Runtime.Cli.Commands;

/// <summary>Measures a model on samples whose right answers are known.</summary>
internal static class EvalCommand
{
    private static readonly Option<int> LabelOffset = new("--label-offset")
    {
        Description = "Added to each label, for models with extra classes in front (1 for a background class).", HelpName = "N",
    };

    private static readonly Option<string?> OutputName =
        new("--output-name") { Description = "Output that holds the scores (default: the first).", HelpName = "NAME" };

    private static readonly Option<int?> Samples =
        new("--samples") { Description = "Use only this many samples, spread over the set.", HelpName = "N" };

    private static readonly Option<string> Metric = new("--metric")
    {
        Description = "top-k (top-1 and top-5), map (mean average precision of detectors), miou (segmentation), f1 or auc.",
        DefaultValueFactory = _ => "top-k",
        HelpName = "NAME",
    };

    private static readonly Option<string> Decoder = new("--decoder")
    {
        Description = "How boxes stand in the outputs, for map: yolox (rows of probabilities, as published), yolox-planes "
            + "(planes of logits), scores-boxes (two outputs, relative corners).",
        DefaultValueFactory = _ => "yolox",
        HelpName = "NAME",
    };

    private static readonly Option<float> MinimumScore = new("--min-score") { Description =
        "For map: boxes below this score are dropped.", DefaultValueFactory = _ => 0.01f, HelpName = "S" };

    private static readonly Option<float> MaximumOverlap = new("--nms") { Description =
        "For map: overlap above which only the surer box stays.", DefaultValueFactory = _ => 0.6f, HelpName = "O" };

    public static Command Create() => ModelCommand.Create(
        "eval",
        """
        Measure the accuracy of a model: top-1 and top-5 of a classifier, or another metric.

        Examples:
          i8rt eval net.onnx --data images/ --preprocess imagenet
          i8rt eval cifar.onnx --data test.bin --preprocess cifar10 --json
          i8rt eval yolox.onnx --data coco/images/val2017 --preprocess yolox --metric map
        """,
        Run,
        [Metric, Decoder, MinimumScore, MaximumOverlap, OutputName, LabelOffset, Samples, .. DataOptions.WithData]);

    private static int Run(ParseResult parse, string path, Terminal terminal, CancellationToken cancellation)
    {
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        engine.WarmUp();
        ModelGraph graph = ModelFile.Load(path);
        IMetric metric = CreateMetric(parse);
        IDataset samples = DataOptions.Open(parse, requireLabels: metric is TopKMetric or F1Metric or AreaUnderCurveMetric);
        if (parse.GetValue(Samples) is { } count)
            samples = count >= 1 ? samples.Subset(count) : throw new UsageException($"--samples is {count}; it must be at least 1");
        var watch = Stopwatch.StartNew();
        IMetric result = terminal.Progress("evaluating", progress => MetricEvaluator.Evaluate(
            engine, graph, samples, metric, new ProgressAdapter<SampleProgress>(p => progress.Report((p.Done, p.Total))),
            cancellation));
        IReadOnlyList<MetricValue> values = result.Values;
        terminal.Line($"{path}: {string.Join(", ", values.Select(v => $"{Label(v.Name)} {Figures.Percent(v.Value)}"))} on {samples.Count} samples ({Figures.Seconds(watch.Elapsed)})");
        if (result is TopKMetric { Accuracy: { IsGuessing: true } accuracy })
        {
            terminal.Warning($"guessing among {accuracy.Classes} classes would be as good. {ReportSummary.GuessingRemedy}"
                + (parse.GetValue(LabelOffset) == 0 ? $" For a model with a background class in front use {LabelOffset.Name} 1." : ""));
        }

        if (result is MeanAveragePrecisionMetric && values[0].Value < 0.001)
        {
            terminal.Warning($"no box is right. Check the form of the outputs ({Decoder.Name} is '{parse.GetValue(Decoder)}') and how images are "
                + "prepared (size, scale, mean, standard deviation, order of the channels).");
        }

        var json = new JsonObject { ["model"] = path, ["data"] = samples.Name, ["metric"] = metric.Name, ["samples"] = samples.Count };
        foreach (MetricValue value in values)
            json[value.Name] = Figures.Number(value.Value);
        json["isa"] = engine.Tier;
        json["seconds"] = watch.Elapsed.TotalSeconds;
        terminal.Json(json);
        return ExitCode.Success;
    }

    private static IMetric CreateMetric(ParseResult parse)
    {
        string? output = parse.GetValue(OutputName);
        int offset = parse.GetValue(LabelOffset);
        return parse.GetValue(Metric) switch
        {
            "top-k" => new TopKMetric(output, offset),
            "f1" => new F1Metric(output, offset),
            "auc" => new AreaUnderCurveMetric(output, offset),
            "miou" => new MeanIntersectionOverUnionMetric(output),
            "map" => new MeanAveragePrecisionMetric(CreateDecoder(parse)),
            var name => throw new UsageException($"--metric is '{name}'; use top-k, map, miou, f1 or auc"),
        };
    }

    private static IBoxDecoder CreateDecoder(ParseResult parse)
    {
        var thresholds = new DecoderThresholds(parse.GetValue(MinimumScore), parse.GetValue(MaximumOverlap));
        return parse.GetValue(Decoder) switch
        {
            "yolox" => new YoloxDecoder(YoloxLayout.Rows, thresholds),
            "yolox-planes" => new YoloxDecoder(YoloxLayout.Planes, thresholds),
            "scores-boxes" => new ScoresAndBoxesDecoder(thresholds: thresholds),
            var name => throw new UsageException($"--decoder is '{name}'; use yolox, yolox-planes or scores-boxes"),
        };
    }

    private static string Label(string name) => name switch
    {
        "top1" => "top-1",
        "top5" => "top-5",
        "map50" => "mAP at 0.5",
        "map50_11pt" => "11-point mAP at 0.5",
        "map50_95" => "mAP at 0.5 to 0.95",
        "miou" => "mean IoU",
        _ => name.Replace('_', ' '),
    };
}
