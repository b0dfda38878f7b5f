// i8rt optimize: prune (if asked for), quantize and verify in one command.
using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.Quantization;
using Int8Runtime.Quantization.Pruning;
using Int8Runtime.Quantization.Reporting;

namespace Int8Runtime.Cli.Commands;

/// <summary>From an f32 model to a verified int8 file.</summary>
internal static class OptimizeCommand
{
    private const int VerifiedSamples = 1000;

    private static readonly Option<string> Output =
        new("--output", "-o") { Description = "The int8 model to write.", HelpName = "FILE", Required = true };

    private static readonly Option<double> PruneRate =
        new("--prune-rate") { Description = "Share of filters to remove before quantizing (default: none).", HelpName = "R" };

    private static readonly Option<string> Criterion = new("--criterion")
    {
        Description = "How unimportant filters are found: l1, l2 or geometric-median.",
        DefaultValueFactory = _ => "geometric-median", HelpName = "NAME",
    };

    // Kernels take four products of bytes at once; other numbers of channels are copied or widened, which costs more than the filters save.
    private static readonly Option<int> Multiple = new("--multiple")
    {
        Description = "Keep filters in multiples of N; int8 is slower where channels are no multiple of 4.",
        DefaultValueFactory = _ => 4, HelpName = "N",
    };

    private static readonly Option<int> Samples =
        new("--samples") { Description = "Number of calibration samples.", DefaultValueFactory = _ => 300, HelpName = "N" };

    private static readonly Option<double?> MaxDrop = new("--max-drop")
    {
        Description = "Fail (exit code 1) if top-1 accuracy falls by more points than this; needs labels.", HelpName = "P",
    };

    public static Command Create() => ModelCommand.Create(
        "optimize",
        """
        Prune (with --prune-rate), quantize and verify a model in one go.

        Examples:
          i8rt optimize net.onnx -o net-int8.onnx --data images/ --preprocess imagenet
          i8rt optimize net.onnx -o net-int8.onnx --prune-rate 0.1 --data images/ --preprocess imagenet --report net.html
        """,
        Run,
        [Output, PruneRate, Criterion, Multiple, Samples, MaxDrop, ReportOption.Report, .. DataOptions.WithData]);

    private static int Run(ParseResult parse, string path, Terminal terminal, CancellationToken cancellation)
    {
        string output = parse.GetValue(Output)!;
        ModelFile.CheckOutput(output, path);
        ReportOption.Check(parse, path);
        (int sampleCount, double rate) = (parse.GetValue(Samples), parse.GetValue(PruneRate));
        if (sampleCount < 1)
            throw new UsageException($"--samples is {sampleCount}; it must be at least 1");
        if (!(rate >= 0 && rate < 1))
            throw new UsageException(Figures.Invariant($"--prune-rate is {rate}; it must be at least 0 and less than 1"));
        FilterCriterion criterion = PruneCommand.ParseCriterion(parse.GetValue(Criterion)!);
        ModelGraph original = ModelFile.Load(path);
        ModelFile.CheckForm(original, output);
        IDataset data = DataOptions.Open(parse, requireLabels: parse.GetValue(MaxDrop) is not null);
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        var watch = Stopwatch.StartNew();
        var json = new JsonObject { ["model"] = path, ["output"] = output };

        ModelGraph graph = original;
        bool passed = true;
        PruningReport? pruning = null;
        if (rate > 0)
        {
            PruningResult pruned = PruneCommand.Prune(
                terminal, engine, original, data,
                new PruningOptions
                {
                    Criterion = criterion, SampleCount = sampleCount, Schedule = new PruningSchedule { TargetRate = rate },
                    Multiple = parse.GetValue(Multiple),
                }, cancellation);
            json["pruning"] = PruneCommand.Report(terminal, pruned.Report);
            passed = pruned.Report.Difference <= PruneCommand.DifferenceLimit;
            (graph, pruning) = (pruned.Graph, pruned.Report);
        }

        QuantizationResult result = terminal.Progress("calibrating", progress => new PostTrainingQuantizer(engine).Quantize(
            graph, data, new QuantizationOptions { SampleCount = sampleCount },
            new ProgressAdapter<SampleProgress>(p => progress.Report((p.Done, p.Total))), cancellation));
        ModelFile.Save(result.Graph, output, OnnxFileForm.Compact);
        terminal.Kept = $"'{output}' is written, but not verified";
        long before = ModelFile.SizeOf(path), after = ModelFile.SizeOf(output);
        terminal.Line($"{output}: {result.Report.QuantizedNodes} of {result.Report.Nodes.Count} nodes in int8, size "
            + $"{Figures.Bytes(before)} → {Figures.Bytes(after)} ({Figures.Ratio((double)after / before)})");
        json["quantized_nodes"] = result.Report.QuantizedNodes;
        json["nodes"] = result.Report.Nodes.Count;
        json["bytes_before"] = before;
        json["bytes_after"] = after;

        passed &= Verify(parse, terminal, engine, original, output, data, json, cancellation);
        ReportOption.Write(parse, terminal, engine, path, output, graph, result, data, cancellation, pruning);
        json["seconds"] = watch.Elapsed.TotalSeconds;
        json["passed"] = passed;
        terminal.Line($"{(passed ? "verified" : "the check failed")} ({Figures.Seconds(watch.Elapsed)})");
        terminal.Json(json);
        return passed ? ExitCode.Success : ExitCode.CheckFailed;
    }

    // The file as it lies on disk against the model that the user gave: accuracy with labels, otherwise the outputs themselves.
    private static bool Verify(
        ParseResult parse, Terminal terminal, CpuEngine engine, ModelGraph original, string output, IDataset data,
        JsonObject json, CancellationToken cancellation)
    {
        ModelGraph written = ModelFile.Load(output);
        IDataset samples = data.Subset(VerifiedSamples);
        Similarity similarity = OutputComparison.Measure(engine, original, written, samples.Subset(32), cancellation);
        terminal.Line(Figures.Invariant($"verify: outputs against f32 {similarity.Sqnr:F1} dB, cosine {similarity.Cosine:F4}"));
        json["sqnr"] = Figures.Number(similarity.Sqnr);
        json["cosine"] = Figures.Number(similarity.Cosine);
        if (Enumerable.Range(0, samples.Count).Any(i => samples.Label(i) is null))
            return double.IsFinite(similarity.Cosine);

        double Top1(ModelGraph graph) => terminal.Progress("verifying", progress => ClassificationEvaluator.Evaluate(
            engine, graph, samples, progress: new ProgressAdapter<SampleProgress>(p => progress.Report((p.Done, p.Total))),
            cancellation: cancellation)).Top1;
        double exact = Top1(original), int8 = Top1(written), drop = (exact - int8) * 100;
        terminal.Line(Figures.Invariant($"verify: top-1 {exact * 100:F2} % → {int8 * 100:F2} % on {samples.Count} samples"));
        json["top1_before"] = exact;
        json["top1_after"] = int8;
        return parse.GetValue(MaxDrop) is not { } limit || drop <= limit;
    }
}
