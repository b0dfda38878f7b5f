// i8rt demo: quantizes the embedded classifier and compares f32 with int8.
using System.CommandLine;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli.Commands;

/// <summary>The main job on a model and images that are part of the program.</summary>
internal static class DemoCommand
{
    public static Command Create()
    {
        var seconds = new Option<double>("--seconds") { Description = "Time to measure each model.", DefaultValueFactory = _ => 2,
            HelpName = "S" };
        var output = new Option<string?>("--output",
            "-o") { Description = "Also write the f32 and int8 models and the images into this folder.", HelpName = "DIR" };
        var command = new Command("demo",
            """
            Quantize the embedded classifier, run it in f32 and int8, and compare accuracy, speed and size.

            Examples:
              i8rt demo
              i8rt demo --threads 1 -o demo/
              i8rt demo --isa avx2 --json
            """)
        {
            seconds, output,
        };
        EngineOptions.AddTo(command);
        command.SetBody((parse, terminal, cancellation) =>
            Run(parse, parse.GetValue(seconds), parse.GetValue(output), terminal, cancellation));
        return command;
    }

    private static int Run(ParseResult parse, double seconds, string? output, Terminal terminal, CancellationToken cancellation)
    {
        if (seconds is not (> 0 and <= 600))
            throw new UsageException($"--seconds is {seconds}; it must be between 0 and 600");
        if (output is not null)
            ModelFile.PrepareFolder(output, "-o"); // the files come when everything has succeeded
        using DemoAssets assets = DemoAssets.Open();
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        terminal.Line($"{CpuEngine.CpuName}, {engine.Tier}, {Figures.Count(engine.Threads, "thread")}");
        if (CpuEngine.Limitation is { } limitation)
            terminal.Warning(limitation);

        ModelGraph f32 = assets.Model;
        terminal.Line($"model: {assets.HeldOut.SampleShape} → {assets.Classes.Count} classes, {assets.Calibration.Count} "
            + $"images to calibrate, {assets.HeldOut.Count} held out");
        HardwareProfile profile = HardwareProfile.For(engine.Isa);
        QuantizationResult result = terminal.Progress("calibrating", progress => new PostTrainingQuantizer(engine).Quantize(
            f32, assets.Calibration, new QuantizationOptions { Profile = profile },
            new ProgressAdapter<SampleProgress>(p => progress.Report((p.Done, p.Total))), cancellation));
        terminal.Line($"quantized: {result.Report.QuantizedNodes} of {result.Report.Nodes.Count} nodes in int8, hardware "
            + $"profile {profile.Name} ({profile.Description})");

        string folder = Directory.CreateTempSubdirectory("i8rt-demo-").FullName;
        try
        {
            string f32Path = Path.Combine(folder, "demo-f32.onnx"), int8Path = Path.Combine(folder, "demo-int8.onnx");
            ModelFile.Save(f32, f32Path);
            ModelFile.Save(result.Graph, int8Path, OnnxFileForm.Compact);

            // Both models are read back from their files: what is measured is what a user would ship.
            using Candidate before = Evaluate(engine, f32Path, assets.HeldOut, terminal, "f32", cancellation);
            using Candidate after = Evaluate(engine, int8Path, assets.HeldOut, terminal, "int8", cancellation);
            BenchmarkResult[] speeds = ModelBenchmark.Measure([before.Request, after.Request], seconds, cancellation);
            if (output is not null)
            {
                assets.WriteDataTo(output);
                ModelFile.Save(f32, Path.Combine(output, Path.GetFileName(f32Path)));
                ModelFile.Save(result.Graph, Path.Combine(output, Path.GetFileName(int8Path)), OnnxFileForm.Compact);
            }

            Report(terminal, engine, before.FiguresWith(speeds[0]), after.FiguresWith(speeds[1]));
            if (output is not null)
                Suggest(terminal, output);
            return ExitCode.Success;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Candidate Evaluate(
        CpuEngine engine, string path, IDataset heldOut, Terminal terminal, string name, CancellationToken cancellation)
    {
        ModelGraph graph = OnnxModel.Load(path);
        var predictions = new int[heldOut.Count];
        TopKAccuracy accuracy = terminal.Progress($"evaluating {name}", progress => ClassificationEvaluator.Evaluate(
            engine, graph, heldOut, predictions: predictions,
            progress: new ProgressAdapter<SampleProgress>(p => progress.Report((p.Done, p.Total))), cancellation: cancellation));
        CompiledModel model = engine.Compile(graph);
        InferenceRequest request = model.CreateRequest();
        heldOut.Load(0, request.Input().AsSpan<float>());
        return new Candidate(accuracy.Top1, predictions, model, request, new FileInfo(path).Length);
    }

    // What a user may try next on the files.
    private static void Suggest(Terminal terminal, string folder)
    {
        string In(string file) => Path.Combine(folder, file);
        terminal.Line($"{folder} holds the models and their data; try:");
        terminal.Line($"  i8rt explain {In("demo-int8.onnx")}");
        terminal.Line($"  i8rt eval {In("demo-int8.onnx")} --data {In("heldout.bin")} --preprocess {DemoAssets.PreprocessingPreset}");
        terminal.Line($"  i8rt quantize {In("demo-f32.onnx")} -o {In("mine.onnx")} --data {In("calibration.bin")} "
            + $"--preprocess {DemoAssets.PreprocessingPreset}");
    }

    private static void Report(Terminal terminal, CpuEngine engine, ModelFigures f32, ModelFigures int8)
    {
        double agreement = f32.Predictions.Zip(int8.Predictions).Count(p => p.First == p.Second) / (double)f32.Predictions.Length;
        double speedUp = f32.Speed.Median / int8.Speed.Median;
        PlanReport.Print(terminal, "kernels of the int8 model", int8.Plan.Nodes);
        PlanReport.PrintRemarks(terminal, [.. int8.Plan.Nodes.Where(n => n.IsSlow)]);
        terminal.Table("", ["", ">f32", ">int8", ">"],
        [
            ["accuracy, top-1", Figures.Percent(f32.Accuracy), Figures.Percent(int8.Accuracy),
                $"same class for {Figures.Percent(agreement)}"],
            ["latency, median", Figures.Time(f32.Speed.Median), Figures.Time(int8.Speed.Median), Figures.SpeedUp(speedUp)],
            ["latency, minimum", Figures.Time(f32.Speed.Minimum), Figures.Time(int8.Speed.Minimum), ""],
            ["allocated per run", Figures.Invariant($"{f32.Speed.AllocatedPerRun:F0} B"),
                Figures.Invariant($"{int8.Speed.AllocatedPerRun:F0} B"), ""],
            ["file size", Figures.Bytes(f32.FileBytes), Figures.Bytes(int8.FileBytes),
                Figures.Ratio((double)int8.FileBytes / f32.FileBytes)],
        ]);
        terminal.Json(new JsonObject
        {
            ["cpu"] = CpuEngine.CpuName,
            ["isa"] = engine.Tier,
            ["threads"] = engine.Threads,
            ["f32"] = f32.ToJson(),
            ["int8"] = int8.ToJson(),
            ["agreement"] = agreement,
            ["speed_up"] = speedUp,
            ["plan"] = PlanReport.ToJson(int8.Plan, int8.Plan.Nodes, withPasses: false),
        });
    }

    // A model that is ready to be timed.
    private sealed record Candidate(
        double Accuracy, int[] Predictions, CompiledModel Model, InferenceRequest Request, long FileBytes) : IDisposable
    {
        public ModelFigures FiguresWith(BenchmarkResult speed) => new(Accuracy, Predictions, speed, FileBytes, Model.Explain());

        public void Dispose()
        {
            Request.Dispose();
            Model.Dispose();
        }
    }

    private sealed record ModelFigures(double Accuracy, int[] Predictions, BenchmarkResult Speed, long FileBytes, ModelExplanation Plan)
    {
        public JsonObject ToJson() => new()
        {
            ["top1"] = Accuracy,
            ["median_ms"] = Speed.Median,
            ["min_ms"] = Speed.Minimum,
            ["allocated_bytes_per_run"] = Speed.AllocatedPerRun,
            ["file_bytes"] = FileBytes,
        };
    }
}
