// i8rt quantize: an f32 model and sample images in, an int8 model out.
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli.Commands;

/// <summary>Calibrates and quantizes a model.</summary>
internal static class QuantizeCommand
{
    private static readonly Option<string> Output =
        new("--output", "-o") { Description = "The int8 model to write, .onnx or .xml.", HelpName = "FILE", Required = true };

    private static readonly Option<string> Algorithm = new("--algorithm")
    {
        Description = "default (channel alignment, ranges, bias correction), minmax (ranges only) or accuracy-aware (default, "
            + "then layers are reverted to f32).",
        DefaultValueFactory = _ => "default",
        HelpName = "NAME",
    };

    private static readonly Option<bool> Dynamic = new("--dynamic") { Description = "Quantize activations at run time; needs no data." };

    private static readonly Option<int?> WeightOnly = new("--weight-only")
    {
        Description = "Store weights in 8 bits, or those of matrix products in 4, and compute in f32; needs no data.", HelpName = "BITS",
    };

    private static readonly Option<int> GroupSize = new("--group-size")
    {
        Description = "Inputs that share a scale of 4-bit weights.", DefaultValueFactory = _ => 32, HelpName = "N",
    };

    private static readonly Option<string> MaxDrop = new("--max-drop")
    {
        Description = "accuracy-aware: largest drop of top-1, as a share of the samples (0.01 is one point).",
        DefaultValueFactory = _ => "0.01", HelpName = "X",
    };

    private static readonly Option<string?> EvaluationData = new("--eval-data")
    {
        Description = "accuracy-aware: labelled samples for the accuracy (default: --data).", HelpName = "PATH",
    };

    private static readonly Option<int> LabelOffset =
        new("--label-offset") { Description = "accuracy-aware: added to each label.", HelpName = "N" };

    private static readonly Option<int> MaxEvaluations = new("--max-evaluations")
    {
        Description = "accuracy-aware: largest number of quantized models that are evaluated.", DefaultValueFactory = _ => 100,
        HelpName = "N",
    };

    public static Command Create() => ModelCommand.Create(
        "quantize",
        """
        Quantize an f32 model to int8 after measuring value ranges on sample images.

        Examples:
          i8rt quantize net.onnx -o net-int8.onnx --data images/ --preprocess imagenet
          i8rt quantize cifar.onnx -o cifar-int8.onnx --data train.bin --preprocess cifar10 --preset performance --estimator kl
          i8rt quantize net.onnx -o net-int8.onnx --data train/ --eval-data val/ --algorithm accuracy-aware --max-drop 0.005
          i8rt quantize net.onnx -o net-int8.onnx --data images/ --ignore-regex '^head' --ignore-type Gemm --profile avx2
          i8rt quantize net.onnx -o net-dynamic.onnx --dynamic
          i8rt quantize net.onnx -o net-w4.onnx --weight-only 4 --group-size 64
          i8rt quantize net.onnx -o net-int8.onnx --data synthetic     (random samples: for timing only)
        """,
        Run,
        [Output, Algorithm, MaxDrop, EvaluationData, LabelOffset, MaxEvaluations, Dynamic, WeightOnly, GroupSize,
         ReportOption.Report, .. QuantizationArguments.All, .. DataOptions.WithOptionalData]);

    private static int Run(ParseResult parse, string path, Terminal terminal, CancellationToken cancellation)
    {
        string output = parse.GetValue(Output)!;
        ModelFile.CheckOutput(output, path);
        ReportOption.Check(parse, path);
        if (parse.GetValue(ReportOption.Report) is not null && (parse.GetValue(Dynamic) || parse.GetValue(WeightOnly) is not null))
            throw new UsageException("--report compares activations on samples; leave it out with --dynamic and --weight-only");
        CheckCombination(parse);
        QuantizationOptions options = QuantizationArguments.OptionsOf(parse);
        string algorithm = parse.GetValue(Algorithm)!;
        if (algorithm is not ("default" or "minmax" or "accuracy-aware"))
            throw new UsageException($"--algorithm is '{algorithm}'; use default, minmax or accuracy-aware (or --dynamic, --weight-only)");
        ModelGraph graph = ModelFile.Load(path);
        ModelFile.CheckForm(graph, output);
        var watch = Stopwatch.StartNew();
        QuantizationResult result;
        IDataset? data = null;
        JsonObject? accuracy = null;
        if (parse.GetValue(WeightOnly) is { } bits)
        {
            result = WeightOnlyQuantizer.Convert(graph,
                new WeightOnlyOptions { Bits = bits, GroupSize = parse.GetValue(GroupSize), Ignored = options.Ignored });
        }
        else if (parse.GetValue(Dynamic))
        {
            result = DynamicQuantizer.Convert(graph, options);
        }
        else
        {
            IDataset samples = data = OpenSamples(parse, graph, options.SampleCount);
            using CpuEngine engine = EngineOptions.CreateEngine(parse);
            if (algorithm == "minmax")
                options = options with { AlignChannels = false, BiasCorrection = BiasCorrectionMode.None };
            if (algorithm == "accuracy-aware")
            {
                AccuracyAwareResult found = QuantizeForAccuracy(parse, engine, graph, samples, options, terminal, cancellation);
                result = found.Model;
                accuracy = Report(terminal, found);
            }
            else
            {
                result = terminal.Progress("calibrating", progress => new PostTrainingQuantizer(engine).Quantize(
                    graph, samples, options, new ProgressAdapter<SampleProgress>(p => progress.Report((p.Done, p.Total))), cancellation));
            }
        }

        ModelFile.Save(result.Graph, output, OnnxFileForm.Compact);
        terminal.Kept = $"'{output}' is written, its report is not";
        if (data is not null)
        {
            using CpuEngine engine = EngineOptions.CreateEngine(parse);
            ReportOption.Write(parse, terminal, engine, path, output, graph, result, data, cancellation);
        }

        Report(terminal, path, output, result.Report, watch.Elapsed, accuracy);
        return ExitCode.Success;
    }

    // An option that would change nothing is a mistake of the one who gave it.
    private static void CheckCombination(ParseResult parse)
    {
        bool isDynamic = parse.GetValue(Dynamic), isWeightOnly = parse.GetValue(WeightOnly) is not null;
        bool IsGiven(Option option) => parse.GetResult(option) is { Implicit: false };
        if (isDynamic && isWeightOnly)
            throw new UsageException("--dynamic quantizes activations and --weight-only leaves them in f32; choose one of them");
        if (IsGiven(GroupSize) && parse.GetValue(WeightOnly) != 4)
            throw new UsageException($"{GroupSize.Name} has a meaning with --weight-only 4 only");
        if (isDynamic || isWeightOnly)
        {
            foreach (Option option in QuantizationArguments.OfCalibration.Prepend(Algorithm).Where(IsGiven))
                throw new UsageException($"{option.Name} has no meaning with {(isDynamic ? Dynamic.Name : WeightOnly.Name)}: nothing is calibrated");
        }

        if (parse.GetValue(Algorithm) == "accuracy-aware")
            return;
        foreach (Option option in (Option[])[MaxDrop, EvaluationData, LabelOffset, MaxEvaluations])
        {
            if (IsGiven(option))
                throw new UsageException($"{option.Name} has a meaning with --algorithm accuracy-aware only");
        }
    }

    private static AccuracyAwareResult QuantizeForAccuracy(
        ParseResult parse, CpuEngine engine, ModelGraph graph, IDataset samples, QuantizationOptions options, Terminal terminal,
        CancellationToken cancellation)
    {
        string drop = parse.GetValue(MaxDrop)!;
        if (!double.TryParse(drop, NumberStyles.Float, CultureInfo.InvariantCulture, out double maxDrop) || maxDrop is < 0 or > 1)
            throw new UsageException($"--max-drop is '{drop}'; use a share of the samples from 0 to 1, for example 0.01");
        var evaluation = new CachedDataset(
            DataOptions.Open(parse, parse.GetValue(EvaluationData) ?? parse.GetValue(DataOptions.OptionalData)!, requireLabels: true));
        return new AccuracyAwareQuantizer(engine).Run(
            graph, samples, model =>
                ClassificationEvaluator.Evaluate(engine, model, evaluation, labelOffset: parse.GetValue(LabelOffset),
                    cancellation: cancellation).Top1,
            options, new AccuracyAwareOptions { MaxDrop = maxDrop, MaxEvaluations = Math.Max(1, parse.GetValue(MaxEvaluations)) },
            terminal.Line, cancellation);
    }

    private static IDataset OpenSamples(ParseResult parse, ModelGraph graph, int count)
    {
        string data = parse.GetValue(DataOptions.OptionalData)
            ?? throw new UsageException("--data is missing: give sample images, or use --dynamic or --weight-only, which need none");
        if (data != "synthetic")
            return DataOptions.Open(parse, data, requireLabels: false);
        return new SyntheticDataset(graph, count);
    }

    private static JsonObject Report(Terminal terminal, AccuracyAwareResult found)
    {
        terminal.Line($"top-1 {Figures.Percent(found.FloatAccuracy)} → {Figures.Percent(found.Accuracy)}, "
            + $"{Figures.Count(found.Reverted.Count, "layer")} reverted to f32");
        if (!found.IsWithinBound)
            terminal.Warning("the bound was not reached; the best model seen is written");
        return new JsonObject
        {
            ["f32"] = found.FloatAccuracy,
            ["int8"] = found.Accuracy,
            ["within_bound"] = found.IsWithinBound,
            ["reverted"] = new JsonArray([.. found.Reverted.Select(r => (JsonNode)r)]),
            ["steps"] = new JsonArray([.. found.Steps.Select(s => new JsonObject
            {
                ["reverted"] = new JsonArray([.. s.Reverted.Select(r => (JsonNode)r)]), ["top1"] = Figures.Number(s.Accuracy),
            })]),
        };
    }

    private static void Report(Terminal terminal, string path, string output, QuantizationReport report, TimeSpan elapsed,
        JsonObject? accuracy)
    {
        long before = ModelFile.SizeOf(path), after = ModelFile.SizeOf(output);
        string what = report.StoredWeights.Count > 0
            ? $"the weights of {Figures.Count(report.StoredWeights.Count, "layer")} are integers, activations and arithmetic stay f32"
            : $"{report.QuantizedNodes} of {report.Nodes.Count} nodes in int8, "
                + (report.Samples > 0 ? Figures.Count(report.Samples, "sample") : "ranges of activations are found at run time");
        terminal.Line($"{output}: {what}, {Figures.Seconds(elapsed)}");
        terminal.Line($"size {Figures.Bytes(before)} → {Figures.Bytes(after)} ({Figures.Ratio((double)after / before)})");
        foreach (string note in report.Notes)
            terminal.Line(note);
        if (report.Convergence.Count > 0)
            terminal.Line($"ranges settle: {string.Join(", ", report.Convergence.SkipLast(1).Select(c => $"{Figures.Percent(c.Median)} of the width with {c.Samples}"))} of {Figures.Count(report.Samples, "sample")} (median activation)");
        if (report.StoredWeights.Count > 0)
        {
            PrintStored(terminal, report.StoredWeights);
        }
        else
        {
            FloatLayer.Print(terminal, "nodes that stay f32",
                [.. report.Nodes.Where(n => !n.IsQuantized).Select(n => new FloatLayer(n.Name, n.OpType, n.Reason))]);
        }

        var json = new JsonObject
        {
            ["model"] = path,
            ["output"] = output,
            ["quantized_nodes"] = report.QuantizedNodes,
            ["nodes"] = report.Nodes.Count,
            ["samples"] = report.Samples,
            ["seconds"] = elapsed.TotalSeconds,
            ["range_convergence"] = new JsonArray([.. report.Convergence.Select(c => new JsonObject
            {
                ["samples"] = c.Samples, ["median"] = c.Median, ["least"] = c.Least,
            })]),
            ["bytes_before"] = before,
            ["bytes_after"] = after,
            ["notes"] = new JsonArray([.. report.Notes.Select(n => (JsonNode)n)]),
            ["float_nodes"] = new JsonArray([.. report.Nodes.Where(n => !n.IsQuantized).Select(n => new JsonObject
            {
                ["name"] = n.Name, ["operator"] = n.OpType, ["reason"] = n.Reason,
            })]),
            ["activations"] = new JsonArray([.. report.Activations.Select(a => new JsonObject
            {
                ["name"] = a.Name,
                ["minimum"] = a.Observed.Minimum,
                ["maximum"] = a.Observed.Maximum,
                ["type"] = a.Parameters.DataType.ToShortName(),
                ["scale"] = a.Parameters.Scale,
                ["zero_point"] = a.Parameters.ZeroPoint,
                ["channel_scales"] = new JsonArray([.. a.ChannelScales.Select(s => (JsonNode)s)]),
            })]),
        };
        if (report.StoredWeights.Count > 0)
        {
            json["stored_weights"] = new JsonArray([.. report.StoredWeights.Select(w => new JsonObject
            {
                ["name"] = w.Name, ["operator"] = w.OpType, ["bits"] = w.Bits, ["group_size"] = w.GroupSize,
                ["elements"] = w.Elements, ["bytes"] = w.Bytes,
            })]);
        }

        if (accuracy is not null)
            json["accuracy"] = accuracy;
        terminal.Json(json);
    }

    private static void PrintStored(Terminal terminal, IReadOnlyList<StoredWeights> stored) =>
        terminal.Table("weights that became integers", ["form", ">layers", ">weights", ">as f32", ">stored with scales", ">"],
            stored.GroupBy(w => (w.Bits, w.GroupSize)).OrderByDescending(g => g.Sum(w => w.Elements)).Select(g => new[]
            {
                g.Key.GroupSize > 0
                    ? Figures.Invariant($"{g.Key.Bits} bits in groups of {g.Key.GroupSize}")
                    : Figures.Invariant($"{g.Key.Bits} bits, a scale for each output channel"),
                Figures.Invariant($"{g.Count()}"), Figures.Invariant($"{g.Sum(w => w.Elements)}"),
                Figures.Bytes(sizeof(float) * g.Sum(w => w.Elements)), Figures.Bytes(g.Sum(w => w.Bytes)),
                Figures.Ratio((double)g.Sum(w => w.Bytes) / (sizeof(float) * g.Sum(w => w.Elements))),
            }));
}
