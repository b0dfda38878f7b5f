// i8rt prune: an f32 model and sample images in, the model without its least important filters out.
using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Quantization;
using Int8Runtime.Quantization.Pruning;

namespace Int8Runtime.Cli.Commands;

/// <summary>Removes filters of convolutions.</summary>
internal static class PruneCommand
{
    /// <summary>Above this relative difference masked and shrunk model do not agree.</summary>
    public const double DifferenceLimit = 1e-5;

    private static readonly Option<string> Output =
        new("--output", "-o") { Description = "The pruned model to write.", HelpName = "FILE", Required = true };

    private static readonly Option<double> Rate =
        new("--rate") { Description = "Share of filters to remove.", DefaultValueFactory = _ => 0.3, HelpName = "R" };

    private static readonly Option<double> InitialRate =
        new("--initial-rate") { Description = "Share removed at once, before the first step.", HelpName = "R" };

    private static readonly Option<string> Criterion = new("--criterion")
    {
        Description = "How unimportant filters are found: l1, l2 or geometric-median.",
        DefaultValueFactory = _ => "geometric-median", HelpName = "NAME",
    };

    private static readonly Option<string> Schedule = new("--schedule")
    {
        Description = "How the rate rises from step to step: baseline, exponential or exponential-with-bias.",
        DefaultValueFactory = _ => "baseline", HelpName = "NAME",
    };

    private static readonly Option<int> Steps =
        new("--steps") { Description = "Number of steps of the schedule.", DefaultValueFactory = _ => 1, HelpName = "N" };

    private static readonly Option<int> Multiple =
        new("--multiple") { Description = "Keep filters in multiples of N.", DefaultValueFactory = _ => 1, HelpName = "N" };

    private static readonly Option<int> Samples = new("--samples")
    {
        Description = "Number of samples to fit normalizations and biases on.", DefaultValueFactory = _ => 300, HelpName = "N",
    };

    private static readonly Option<string[]> Ignore =
        new("--ignore") { Description = "Convolution that keeps its filters; may be repeated.", HelpName = "NODE" };

    private static readonly Option<bool> NoReestimation =
        new("--no-reestimation") { Description = "Leave normalizations and biases as they are." };

    public static Command Create() => ModelCommand.Create(
        "prune",
        """
        Remove the least important filters of an f32 model. Quantize the result afterwards, not before.
        Normalizations and biases are fitted again; beyond small rates accuracy needs fine-tuning elsewhere.

        Examples:
          i8rt prune net.onnx -o net-pruned.onnx --rate 0.3 --data images/ --preprocess imagenet
          i8rt prune net.onnx -o net-pruned.onnx --rate 0.5 --schedule exponential --steps 4 --data images/ --preprocess imagenet
        """,
        Run,
        [Output, Rate, InitialRate, Criterion, Schedule, Steps, Multiple, Samples, Ignore, NoReestimation,
         .. DataOptions.WithData]);

    /// <summary>Reads the name of a criterion.</summary>
    /// <exception cref="UsageException">There is no such criterion.</exception>
    public static FilterCriterion ParseCriterion(string name) => name switch
    {
        "l1" => FilterCriterion.L1,
        "l2" => FilterCriterion.L2,
        "geometric-median" => FilterCriterion.GeometricMedian,
        _ => throw new UsageException($"--criterion is '{name}'; use l1, l2 or geometric-median"),
    };

    /// <summary>Prunes under a progress bar.</summary>
    public static PruningResult Prune(
        Terminal terminal, CpuEngine engine, ModelGraph graph, IDataset samples, PruningOptions options, CancellationToken cancellation) =>
        terminal.Progress("pruning", progress => new FilterPruner(engine).Prune(
            graph, samples, options, new ProgressAdapter<SampleProgress>(p => progress.Report((p.Done, p.Total))), cancellation));

    /// <summary>The accounting as lines and as JSON.</summary>
    public static JsonObject Report(Terminal terminal, PruningReport report)
    {
        terminal.Line($"filters {Text(report.Filters)}, parameters {Text(report.Parameters)}, FLOPs {Text(report.Flops)}");
        terminal.Line(Figures.Invariant($"masked and shrunk model differ by {report.Difference:0.0E+0} of the largest output"));
        terminal.Table(
            "layers", ["layer", "operator", ">filters", ">parameters", ">MFLOPs", "?cannot be pruned further because"], Rows(report));
        return new JsonObject
        {
            ["filters"] = Json(report.Filters),
            ["parameters"] = Json(report.Parameters),
            ["flops"] = Json(report.Flops),
            ["rates"] = new JsonArray([.. report.Rates.Select(r => JsonValue.Create(r))]),
            ["difference"] = report.Difference,
            ["layers"] = new JsonArray([.. report.Layers.Select(l => new JsonObject
            {
                ["name"] = l.Name, ["filters"] = Json(l.Filters), ["parameters"] = Json(l.Parameters), ["flops"] = Json(l.Flops),
                ["fixed_filters"] = l.Fixed, ["reason"] = l.Reason,
            })]),
            ["nodes"] = new JsonArray([.. report.Nodes.Select(n => new JsonObject
            {
                ["name"] = n.Name, ["operator"] = n.OpType, ["parameters"] = Json(n.Parameters), ["flops"] = Json(n.Flops),
            })]),
        };
    }

    private static int Run(ParseResult parse, string path, Terminal terminal, CancellationToken cancellation)
    {
        string output = parse.GetValue(Output)!;
        ModelFile.CheckOutput(output, path);
        int samples = parse.GetValue(Samples);
        if (samples < 1)
            throw new UsageException($"--samples is {samples}; it must be at least 1");
        var options = new PruningOptions
        {
            Criterion = ParseCriterion(parse.GetValue(Criterion)!),
            Schedule = new PruningSchedule
            {
                Kind = parse.GetValue(Schedule) switch
                {
                    "baseline" => PruningScheduleKind.Baseline,
                    "exponential" => PruningScheduleKind.Exponential,
                    "exponential-with-bias" => PruningScheduleKind.ExponentialWithBias,
                    var name => throw new UsageException($"--schedule is '{name}'; use baseline, exponential or exponential-with-bias"),
                },
                InitialRate = parse.GetValue(InitialRate),
                TargetRate = parse.GetValue(Rate),
                Steps = parse.GetValue(Steps),
            },
            IgnoredNodes = new HashSet<string>(parse.GetValue(Ignore) ?? [], StringComparer.Ordinal),
            Multiple = parse.GetValue(Multiple),
            SampleCount = samples,
            Reestimate = !parse.GetValue(NoReestimation),
        };
        ModelGraph graph = ModelFile.Load(path);
        ModelFile.CheckForm(graph, output);
        IDataset data = DataOptions.Open(parse, requireLabels: false);
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        var watch = Stopwatch.StartNew();
        PruningResult result = Prune(terminal, engine, graph, data, options, cancellation);
        ModelFile.Save(result.Graph, output);

        long before = ModelFile.SizeOf(path), after = ModelFile.SizeOf(output);
        terminal.Line($"{output}: {Figures.Seconds(watch.Elapsed)}, size {Figures.Bytes(before)} → {Figures.Bytes(after)} "
            + $"({Figures.Ratio((double)after / before)})");
        JsonObject json = Report(terminal, result.Report);
        json["model"] = path;
        json["output"] = output;
        json["seconds"] = watch.Elapsed.TotalSeconds;
        json["bytes_before"] = before;
        json["bytes_after"] = after;
        terminal.Json(json);
        return result.Report.Difference <= DifferenceLimit ? ExitCode.Success : ExitCode.CheckFailed;
    }

    // Nodes that multiply; normalizations and other constants together in a last row, so that the columns add up to the totals.
    private static IEnumerable<string[]> Rows(PruningReport report)
    {
        Dictionary<string, PrunedLayer> layers = report.Layers.ToDictionary(l => l.Name, StringComparer.Ordinal);
        foreach (NodeChange node in report.Nodes.Where(n => n.Flops.Before > 0))
        {
            PrunedLayer? layer = layers.GetValueOrDefault(node.Name);
            yield return Row(
                Figures.Shorten(node.Name, 40), node.OpType, layer is null ? "" : Arrow(layer.Filters), node.Parameters, node.Flops,
                layer?.Reason ?? "only filters of convolutions are removed; its inputs are");
        }

        NodeChange[] others = [.. report.Nodes.Where(n => n.Flops.Before == 0)];
        if (others.Length > 0)
        {
            var constants = new Change(others.Sum(n => n.Parameters.Before), others.Sum(n => n.Parameters.After));
            yield return Row(Figures.Count(others.Length, "other"), "", "", constants, default, "");
        }

        yield return Row("total", "", Arrow(report.Filters), report.Parameters, report.Flops, "");
    }

    private static string[] Row(string name, string opType, string filters, Change parameters, Change flops, string reason) =>
    [
        name, opType, filters, Arrow(parameters),
        flops.Before == 0 ? "" : Figures.Invariant($"{flops.Before / 1e6:N2} → {flops.After / 1e6:N2}"), reason,
    ];

    private static string Arrow(Change change) => Figures.Invariant($"{change.Before:N0} → {change.After:N0}");

    private static string Text(Change change) =>
        Figures.Invariant($"{change.Before:N0} → {change.After:N0} (−{Figures.Percent(change.Reduction)})");

    private static JsonObject Json(Change change) =>
        new() { ["before"] = change.Before, ["after"] = change.After, ["reduction"] = change.Reduction };
}
