// The samples of docs/quantization.md, compiled and run, and the commands that they describe.
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli.Tests;

[Collection("demo")]
public sealed class QuantizationGuideTests(DemoFiles demo)
{
    private static readonly string[] Cifar = ["--preprocess", "cifar10"];

    [Fact]
    public void The_sample_runs_and_has_at_most_40_lines()
    {
        string folder = demo.NewFolder();
        foreach (string file in (string[])[demo.F32Model, demo.Calibration, demo.HeldOut])
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        // guide
        using var engine = CpuEngine.Create();
        ModelGraph model = OnnxModel.Load(Path.Combine(folder, "demo-f32.onnx"));
        Preprocessing preprocessing = Preprocessing.FromPreset("cifar10");
        IDataset calibration = DatasetFactory.Open(Path.Combine(folder, "calibration.bin"), preprocessing);
        IDataset heldOut = DatasetFactory.Open(Path.Combine(folder, "heldout.bin"), preprocessing, requireLabels: true);
        double Top1(ModelGraph graph) => ClassificationEvaluator.Evaluate(engine, graph, heldOut).Top1;

        // Default algorithm: channel alignment, ranges, bias correction.
        var options = new QuantizationOptions { SampleCount = 100, Estimation = RangeEstimation.Parse("percentile:99.99") };
        QuantizationResult plain = new PostTrainingQuantizer(engine).Quantize(model, calibration, options);

        // A pipeline of one's own choice; any IOptimizationAlgorithm may stand in it.
        var pipeline = new OptimizationPipeline(new MinMaxQuantization(), new BiasCorrection(BiasCorrectionMode.Full));
        QuantizationResult own = pipeline.Run(engine, model, calibration, options);

        // Reverts layers to f32 until top-1 drops by one point at most.
        AccuracyAwareResult best = new AccuracyAwareQuantizer(engine).Run(
            model, calibration, Top1, options, new AccuracyAwareOptions { MaxDrop = 0.01 });
        OnnxModel.Save(best.Model.Graph, Path.Combine(folder, "demo-int8.onnx"), OnnxFileForm.Compact);
        Console.WriteLine($"f32 {best.FloatAccuracy:P1}, int8 {best.Accuracy:P1}, {best.Reverted.Count} layers in f32");
        // end
        Assert.True(best.IsWithinBound);
        Assert.True(Top1(plain.Graph) > best.FloatAccuracy - 0.03);
        Assert.True(Top1(own.Graph) > best.FloatAccuracy - 0.03);
        Assert.True(File.Exists(Path.Combine(folder, "demo-int8.onnx")));

        string[] guide = [.. Documents.Blocks(File.ReadAllText(Documents.Path("docs/quantization.md")), "```csharp\n", "```")];
        string[] here = [.. Documents.Blocks(File.ReadAllText(Documents.Path("tests/i8rt.Tests/QuantizationGuideTests.cs")),
            "// guide" + "\n", "// end" + "\n")];
        Assert.Equal(guide.Select(Documents.Statements), here.Select(Documents.Statements));
        Assert.All(guide, g => Assert.True(g.Trim().Split('\n').Length <= 40));
    }

    [Theory]
    [InlineData("--algorithm", "minmax")]
    [InlineData("--estimator", "kl", "--granularity", "per-tensor", "--profile", "avx2", "--preset", "performance")]
    [InlineData("--profile", "auto", "--isa", "avx512")]
    [InlineData("--bias-correction", "full", "--samples", "20", "--activation-granularity", "per-channel")]
    [InlineData("--first-layer", "f32", "--last-layer", "int8", "--power-of-two", "--no-channel-alignment", "--weight-bits", "6")]
    [InlineData("--ignore", "logits", "--ignore-patterns", "none")]
    [InlineData("--ignore-type", "Gemm", "--ignore-regex", "^logits$", "--smooth-quant", "0.5")]
    public void Quantize_takes_the_options_of_the_guide(params string[] options)
    {
        string model = Path.Combine(demo.NewFolder(), "int8.onnx");
        JsonObject result = CommandLine.Json(["quantize", demo.F32Model, "-o", model, "--data", demo.Calibration, .. Cifar, .. options]);
        Assert.True((int)result["quantized_nodes"]! > 10);
        double accuracy = (double)CommandLine.Json(["eval", model, "--data", demo.HeldOut, .. Cifar])["top1"]!;
        Assert.True(accuracy > (double)demo.Figures["f32"]!["top1"]! - 0.08, $"{accuracy}");
        if (options[0].StartsWith("--ignore", StringComparison.Ordinal))
            Assert.Contains(result["float_nodes"]!.AsArray(), n => (string)n!["name"]! == "logits");
    }

    [Fact]
    public void Models_without_data_are_dynamic_or_weight_only()
    {
        string folder = demo.NewFolder();
        foreach (string[] options in (string[][])[["--dynamic"], ["--weight-only", "8"], ["--weight-only", "4", "--group-size", "16"]])
        {
            string model = Path.Combine(folder, options[0].TrimStart('-') + options[^1] + ".onnx");
            JsonObject result = CommandLine.Json(["quantize", demo.F32Model, "-o", model, .. options]);
            if (options[0] == "--dynamic")
            {
                Assert.True((int)result["quantized_nodes"]! >= 1);
            }
            else
            {
                JsonObject head = result["stored_weights"]!.AsArray().Single(w => (string)w!["operator"]! == "Gemm")!.AsObject();
                Assert.Equal(options[1], head["bits"]!.ToString());
                Assert.Equal(options[1] == "4" ? 16 : 0, (int)head["group_size"]!);
                Assert.Equal(0, (int)result["quantized_nodes"]!);
            }

            double accuracy = (double)CommandLine.Json(["eval", model, "--data", demo.HeldOut, .. Cifar])["top1"]!;
            Assert.True(accuracy > (double)demo.Figures["f32"]!["top1"]! - 0.03, $"{string.Join(' ', options)}: {accuracy}");
        }
    }

    [Fact]
    public void A_network_with_several_inputs_is_quantized_run_and_timed()
    {
        string folder = demo.NewFolder(), f32 = Path.Combine(folder, "f32.onnx"), int8 = Path.Combine(folder, "int8.onnx");
        CommandLine.Json(["zoo", "wide_deep", "-o", f32]);
        Assert.True((int)CommandLine.Json(["quantize", f32, "-o", int8, "--data", "synthetic", "--samples", "16"])[
            "quantized_nodes"]! >= 9);
        string data = Directory.CreateDirectory(Path.Combine(folder, "data")).FullName;
        NpyFile.Save(Path.Combine(data, "numbers.npy"), [.. Enumerable.Range(0, 8 * 13).Select(i => (i % 7) - 3f)], [8, 13]);
        NpyFile.Save(Path.Combine(data, "categories.npy"),
            new NpyArray(DataType.UInt8, [8, 26], [.. Enumerable.Range(0, 8 * 26).Select(i => (byte)(i % 200))]));
        CommandLine.Json(["quantize", f32, "-o", int8, "--data", data]);
        NpyFile.Save(Path.Combine(folder, "n.npy"), new float[13], [1, 13]);
        NpyFile.Save(Path.Combine(folder, "c.npy"), new NpyArray(DataType.Int64, [1, 26], new byte[8 * 26]));
        JsonObject outputs = CommandLine.Json(["run", int8, "--input", "numbers=" + Path.Combine(folder, "n.npy"), "--input",
            "categories=" + Path.Combine(folder, "c.npy")]);
        Assert.Single(outputs["outputs"]!.AsArray());
        Assert.True((double)CommandLine.Json(["bench", int8, "--seconds", "0.1"])["median_ms"]! > 0);
    }

    [Fact]
    public void Accuracy_aware_quantization_reports_its_steps()
    {
        string model = Path.Combine(demo.NewFolder(), "int8.onnx");
        JsonObject result = CommandLine.Json(
            ["quantize", demo.F32Model, "-o", model, "--data", demo.Calibration, "--eval-data", demo.HeldOut, "--algorithm",
                "accuracy-aware", "--max-drop", "0.02", .. Cifar]);
        Assert.True((bool)result["accuracy"]!["within_bound"]!);
        Assert.NotEmpty(result["accuracy"]!["steps"]!.AsArray());
    }

    [Theory]
    [InlineData("--data is missing")]
    [InlineData("'best'", "--algorithm", "best")]
    [InlineData("'kll'", "--estimator", "kll")]
    [InlineData("'sse'", "--profile", "sse")]
    [InlineData("use 2 to 8", "--weight-bits", "9")]
    [InlineData("8 or 4", "--weight-only", "5")]
    [InlineData("--max-drop", "--data", "synthetic", "--algorithm", "accuracy-aware", "--max-drop", "much")]
    [InlineData("--max-drop has a meaning with --algorithm accuracy-aware only", "--data", "synthetic", "--max-drop", "0.1")]
    [InlineData("--estimator has no meaning with --dynamic", "--dynamic", "--estimator", "kl")]
    [InlineData("--algorithm has no meaning with --weight-only", "--weight-only", "8", "--algorithm", "minmax")]
    [InlineData("--group-size has a meaning with --weight-only 4 only", "--weight-only", "8", "--group-size", "16")]
    [InlineData("choose one of them", "--weight-only", "8", "--dynamic")]
    [InlineData("no regular expression", "--data", "synthetic", "--ignore-regex", "(")]
    public void Wrong_options_are_one_line(string expected, params string[] options)
    {
        CommandResult result = CommandLine.Run(["quantize", demo.F32Model, "-o", Path.Combine(demo.NewFolder(), "x.onnx"), .. options]);
        Assert.Equal(ExitCode.BadInput, result.ExitCode);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public void Tune_runs_resumes_and_writes_the_best_model()
    {
        string folder = demo.NewFolder(), model = Path.Combine(folder, "best.onnx");
        string configuration = Path.Combine(folder, "tune.yaml");
        File.WriteAllText(configuration, $$"""
            model: {name: demo, path: "{{demo.F32Model}}"}
            data: {calibration: "{{demo.Calibration}}", evaluation: "{{demo.HeldOut}}", preprocess: cifar10, evaluation_samples: 100}
            quantization: {weight: {granularity: [per_channel, per_tensor]}, op_wise: false}
            calibration: {sampling_size: [20, 50]}
            tuning: {strategy: exhaustive, accuracy_criterion: {absolute: 0.1}, timeout: 600, max_trials: 3, history: trials.jsonl}
            """);
        JsonObject result = CommandLine.Json("tune", configuration, "-o", model);
        Assert.Equal(3, result["trials"]!.AsArray().Count);
        Assert.True((bool)result["within_bound"]!);
        Assert.True(File.Exists(model));
        Assert.Equal(4, File.ReadAllLines(Path.Combine(folder, "trials.jsonl")).Length);
        File.WriteAllText(configuration,
            File.ReadAllText(configuration).Replace("max_trials: 3", "max_trials: 4", StringComparison.Ordinal));
        CommandResult resumed = CommandLine.Run("tune", configuration);
        Assert.Contains("continuing after 3 trials", resumed.Output, StringComparison.Ordinal);
        Assert.Contains("[4/4]", resumed.Output, StringComparison.Ordinal);
        JsonObject space = CommandLine.Json("tune", configuration, "--inspect");
        Assert.Equal(2, space["parameters"]!.AsArray().Count);
        Assert.NotEmpty(space["layers"]!.AsArray());

        File.WriteAllText(configuration, "tuning:\n  strategi: basic\n");
        CommandResult refused = CommandLine.Run("tune", configuration);
        Assert.Equal(ExitCode.BadInput, refused.ExitCode);
        Assert.Contains("tune.yaml:2: unknown key 'tuning.strategi'", refused.Error, StringComparison.Ordinal);
    }
}
