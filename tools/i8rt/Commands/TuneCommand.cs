// i8rt tune: searches the fastest int8 model within an accuracy bound.
using System.CommandLine;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli.Commands;

/// <summary>Tunes a classifier by a YAML file.</summary>
internal static class TuneCommand
{
    private static readonly Argument<string> Configuration =
        new("CONFIG") { Description = "YAML file: model, data, choices, accuracy bound, limits." };

    private static readonly Option<string?> Output =
        new("--output", "-o") { Description = "The best int8 model, written at the end.", HelpName = "FILE" };

    private static readonly Option<bool> Inspect =
        new("--inspect") { Description = "Only list what may be chosen: parameters, layers, their precisions." };

    public static Command Create()
    {
        var command = new Command("tune",
            """
            Search the fastest int8 model whose top-1 accuracy is within a bound, as a YAML file says.
            Finished trials go to the history file that the configuration names; a later run continues there.

            Examples:
              i8rt tune resnet.yaml -o resnet-int8.onnx
              i8rt tune resnet.yaml --inspect
              i8rt tune resnet.yaml --json

            A configuration:
              model: {name: resnet20, path: resnet20.onnx}
              data: {calibration: train.bin, evaluation: test.bin, preprocess: cifar10}
              calibration: {sampling_size: [100, 300], algorithm: {activation: [minmax, kl]}}
              tuning: {strategy: basic, accuracy_criterion: {relative: 0.01}, max_trials: 20, history: trials.jsonl}
            """)
        {
            Configuration, Output, Inspect,
        };
        EngineOptions.AddTo(command);
        command.SetBody(Run);
        return command;
    }

    private static int Run(ParseResult parse, Terminal terminal, CancellationToken cancellation)
    {
        string path = parse.GetValue(Configuration)!;
        TunerConfiguration configuration = TunerConfigurationReader.Load(path);
        Require(path, configuration.ModelPath, "model.path");
        ModelGraph model = ModelFile.Load(configuration.ModelPath);
        CheckNames(path, "input", configuration.Inputs, model.Inputs);
        CheckNames(path, "output", configuration.Outputs, model.Outputs);
        if (parse.GetValue(Output) is { } output)
        {
            ModelFile.CheckOutput(output, configuration.ModelPath);
            ModelFile.CheckForm(model, output);
        }

        if (parse.GetValue(Inspect))
            return ShowSpace(terminal, configuration, model);
        Require(path, configuration.CalibrationData, "data.calibration");
        Require(path, configuration.EvaluationData, "data.evaluation");
        Preprocessing preprocessing = Preprocessing.FromPreset(configuration.Preprocessing);
        IDataset evaluation = DatasetFactory.Open(configuration.EvaluationData, preprocessing, requireLabels: true);
        if (configuration.EvaluationSamples is { } count)
            evaluation = evaluation.Subset(count);
        evaluation = new CachedDataset(evaluation);
        IDataset calibration = configuration.CalibrationData == configuration.EvaluationData && configuration.EvaluationSamples is null
            ? evaluation
            : new CachedDataset(DatasetFactory.Open(configuration.CalibrationData, preprocessing));
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        var target = new QuantizationTarget(
            engine, model, calibration, graph => ClassificationEvaluator.Evaluate(
                engine, graph, evaluation, configuration.Outputs.Count > 0 ? configuration.Outputs[0] : null,
                configuration.LabelOffset, cancellation: cancellation).Top1,
            configuration.ModelName);
        if (configuration.HistoryPath.Length > 0)
            terminal.Kept = $"the finished trials are kept in '{configuration.HistoryPath}', and the same command continues after them";
        TuningResult result = new Tuner(configuration)
            .Tune(target, new ProgressAdapter<TuningProgress>(p => Show(terminal, p, configuration)), cancellation);
        Report(terminal, result, configuration);
        if (parse.GetValue(Output) is { } file && result.Best is { } best)
        {
            ModelFile.Save(target.Quantize(best.Configuration).Graph, file, OnnxFileForm.Compact);
            terminal.Line($"{file}: {Figures.Bytes(ModelFile.SizeOf(file))}");
        }

        return result.IsWithinBound ? ExitCode.Success : ExitCode.CheckFailed;
    }

    private static void Require(string path, string value, string key)
    {
        if (value.Length == 0)
            throw new UsageException($"{path}: the key '{key}' is missing; the command line needs it");
    }

    private static void CheckNames(string path, string kind, IReadOnlyList<string> names, IReadOnlyList<GraphValue> values)
    {
        foreach (string name in names)
            if (values.All(v => v.Name != name))
                throw new UsageException(
                    $"{path}: the model has no {kind} '{name}'; it has {string.Join(", ", values.Select(v => v.Name))}");
    }

    private static void Show(Terminal terminal, TuningProgress progress, TunerConfiguration configuration)
    {
        if (progress.Trial is null)
        {
            terminal.Line($"f32 {Figures.Percent(progress.FloatAccuracy)}, wanted {Figures.Percent(progress.Wanted)}"
                + (progress.Done > 0 ? $", continuing after {Figures.Count(progress.Done, "trial")}" : ""));
            return;
        }

        string remaining = progress.Remaining is { } time ? $", at most {(int)time.TotalMinutes}:{time.Seconds:00} left" : "";
        terminal.Line($"[{progress.Done}/{progress.MaxTrials}] "
            + $"{Describe(progress.Trial, configuration)}{(progress.Best == progress.Trial ? "  ← best" : "")}{remaining}");
    }

    private static string Describe(Trial trial, TunerConfiguration configuration) => trial.Error is null
        ? $"{Figures.Percent(trial.Accuracy)}, {Figures.Time(trial.Milliseconds)}, {KeyOf(trial, configuration)}"
        : $"failed: {trial.Error}, {KeyOf(trial, configuration)}";

    // What differs from the preferred values, which are the first of each list.
    private static string KeyOf(Trial trial, TunerConfiguration configuration)
    {
        var preferred = configuration.Parameters.ToDictionary(p => p.Name, p => p.Values[0], StringComparer.Ordinal);
        List<string> changed = [.. trial.Configuration.Settings.Where(s => preferred.GetValueOrDefault(s.Name) != s.Value)
            .Select(s => $"{s.Name}={s.Value}")];
        if (trial.Configuration.FloatLayers.Count > 0)
            changed.Add($"f32: {string.Join(", ", trial.Configuration.FloatLayers)}");
        return changed.Count == 0 ? "the preferred values" : string.Join(' ', changed);
    }

    private static void Report(Terminal terminal, TuningResult result, TunerConfiguration configuration)
    {
        terminal.Table($"trials, best first ({result.StopReason})", [">trial", ">top-1", ">drop", ">time", "configuration"],
            result.Trials.Order(Comparer<Trial>.Create(Trial.Order(result.Wanted))).Select(t => new[]
            {
                Figures.Invariant($"{t.Index + 1}"), t.Error is null ? Figures.Percent(t.Accuracy) : "failed",
                t.Error is null ? Figures.Percent(result.FloatAccuracy - t.Accuracy) : "",
                t.Error is null ? Figures.Time(t.Milliseconds) : "", KeyOf(t, configuration),
            }));
        terminal.Line(result.IsWithinBound
            ? $"best: {Describe(result.Best!, configuration)}"
            : $"no configuration is within the bound of {Figures.Percent(result.Wanted)}"
                + (result.Best is null ? "" : $"; the most accurate: {Describe(result.Best, configuration)}"));
        terminal.Json(new JsonObject
        {
            ["f32_accuracy"] = Figures.Number(result.FloatAccuracy),
            ["wanted_accuracy"] = Figures.Number(result.Wanted),
            ["within_bound"] = result.IsWithinBound,
            ["stop_reason"] = result.StopReason,
            ["best"] = result.Best is null ? null : TrialHistory.ToJson(result.Best),
            ["trials"] = new JsonArray([.. result.Trials.Select(TrialHistory.ToJson)]),
        });
    }

    private static int ShowSpace(Terminal terminal, TunerConfiguration configuration, ModelGraph model)
    {
        using CpuEngine engine = CpuEngine.Create();
        IReadOnlyList<OperatorCapability> layers = new QuantizationTarget(engine, model, new SyntheticDataset([1], 1), _ => 0).Inspect();
        terminal.Table("parameters", ["parameter", "values"],
            configuration.Parameters.Select(p => new[] { p.Name, string.Join(", ", p.Values) }));
        terminal.Table("layers", ["layer", "operator", "precisions", "weights"], layers.Select(l =>
            new[] { Figures.Shorten(l.Name, 60), l.OpType, string.Join(", ", l.Precisions), string.Join(", ", l.WeightGranularity) }));
        terminal.Json(new JsonObject
        {
            ["parameters"] = new JsonArray([.. configuration.Parameters.Select(p => new JsonObject
            {
                ["name"] = p.Name, ["values"] = new JsonArray([.. p.Values.Select(v => (JsonNode)v)]),
            })]),
            ["layers"] = new JsonArray([.. layers.Select(l => new JsonObject
            {
                ["name"] = l.Name,
                ["operator"] = l.OpType,
                ["precisions"] = new JsonArray([.. l.Precisions.Select(v => (JsonNode)v)]),
                ["granularities"] = new JsonArray([.. l.WeightGranularity.Select(v => (JsonNode)v)]),
            })]),
        });
        return ExitCode.Success;
    }
}
