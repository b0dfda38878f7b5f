// prune, optimize, quantize --report and eval --metric on the demo's model.
using System.Text.Json.Nodes;

namespace Int8Runtime.Cli.Tests;

[Collection("demo")]
public sealed class OptimizeTests(DemoFiles demo)
{
    [Fact]
    public void Prune_writes_a_smaller_model_that_still_works()
    {
        string output = Path.Combine(demo.NewFolder(), "pruned.onnx");
        JsonObject result = CommandLine.Json("prune", demo.F32Model, "-o", output, "--rate", "0.2", "--samples", "20", "--data",
            demo.Calibration, "--preprocess", "cifar10");
        Assert.InRange((double)result["filters"]!["reduction"]!, 0.1, 0.2);
        Assert.InRange((double)result["difference"]!, 0, 1e-5);
        Assert.True((long)result["bytes_after"]! < (long)result["bytes_before"]!);
        Assert.True((double)CommandLine.Json("eval", output, "--data", demo.HeldOut, "--preprocess", "cifar10", "--samples",
            "60")["top1"]! > 0.15, "better than chance");
    }

    [Fact]
    public void Pruning_a_quantized_model_is_refused()
    {
        CommandResult result = CommandLine.Run("prune", demo.Int8Model, "-o", Path.Combine(demo.NewFolder(), "x.onnx"), "--data",
            demo.Calibration, "--preprocess", "cifar10");
        Assert.Equal(ExitCode.BadInput, result.ExitCode);
        Assert.Contains("prune the f32 model first", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--criterion", "l3", "use l1, l2 or geometric-median")]
    [InlineData("--schedule", "slow", "use baseline, exponential")]
    [InlineData("--rate", "1.5", "rates go from 0 up to less than 1")]
    [InlineData("--ignore", "nobody", "no convolution 'nobody'")]
    public void Wrong_options_of_prune_are_explained(string option, string value, string expected)
    {
        CommandResult result = CommandLine.Run("prune", demo.F32Model, "-o", Path.Combine(demo.NewFolder(), "x.onnx"), "--data",
            demo.Calibration, "--preprocess", "cifar10", option, value);
        Assert.Equal(ExitCode.BadInput, result.ExitCode);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Optimize_prunes_quantizes_verifies_and_reports()
    {
        string folder = demo.NewFolder(), output = Path.Combine(folder, "small.onnx"), report = Path.Combine(folder, "small.html");
        JsonObject result = CommandLine.Json("optimize", demo.F32Model, "-o", output, "--prune-rate", "0.1", "--multiple", "1",
            "--samples", "20",
            "--data", demo.Calibration,
            "--preprocess", "cifar10", "--report", report);
        Assert.True((bool)result["passed"]!);
        Assert.True((double)result["pruning"]!["parameters"]!["reduction"]! > 0.05);
        Assert.True((long)result["bytes_after"]! < 0.3 * (long)result["bytes_before"]!);
        Assert.True((double)result["top1_after"]! > 0.2);
        Assert.StartsWith("<!DOCTYPE html>", File.ReadAllText(report), StringComparison.Ordinal);
        JsonNode figures = JsonNode.Parse(File.ReadAllText(Path.ChangeExtension(report, ".json")))!;
        Assert.Equal("demo-f32", (string)figures["model"]!);
        Assert.NotEmpty(figures["layers"]!.AsArray());
        foreach (JsonNode pruning in (JsonNode[])[result["pruning"]!, figures["pruning"]!])
        {
            foreach (string count in (string[])["parameters", "flops"])
                Assert.Equal((long)pruning[count]!["after"]!, pruning["nodes"]!.AsArray().Sum(n => (long)n![count]!["after"]!));
        }
    }

    [Fact]
    public void Optimize_keeps_channels_in_multiples_of_four()
    {
        JsonNode pruning = CommandLine.Json(
            "optimize", demo.F32Model, "-o", Path.Combine(demo.NewFolder(), "x.onnx"), "--prune-rate", "0.3", "--samples", "8",
            "--data", demo.Calibration, "--preprocess", "cifar10")["pruning"]!;
        Assert.True((double)pruning["filters"]!["reduction"]! > 0.1);
        Assert.All(pruning["layers"]!.AsArray(), l => Assert.Equal(0, (long)l!["filters"]!["after"]! % 4));
    }

    [Fact]
    public void Optimize_fails_where_accuracy_falls_below_the_bound()
    {
        CommandResult result = CommandLine.Run("optimize", demo.F32Model, "-o", Path.Combine(demo.NewFolder(), "x.onnx"),
            "--prune-rate", "0.9", "--samples", "8",
            "--data", demo.Calibration, "--preprocess", "cifar10", "--max-drop", "1");
        Assert.Equal(ExitCode.CheckFailed, result.ExitCode);
        Assert.Contains("the check failed", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Optimize_and_quantize_run_the_same_pipeline_and_quantize_writes_IR_as_well()
    {
        string folder = demo.NewFolder(), optimized = Path.Combine(folder, "optimized.onnx"),
            quantized = Path.Combine(folder, "quantized.onnx"), ir = Path.Combine(folder, "ir.xml");
        string[] samples = ["--data", demo.Calibration, "--preprocess", "cifar10", "--samples", "40"];
        CommandLine.Json(["optimize", demo.F32Model, "-o", optimized, .. samples]);
        CommandLine.Json(["quantize", demo.F32Model, "-o", quantized, .. samples]);
        JsonObject written = CommandLine.Json(["quantize", demo.F32Model, "-o", ir, .. samples]);
        Assert.Equal(File.ReadAllBytes(quantized), File.ReadAllBytes(optimized));
        Assert.Equal(new FileInfo(ir).Length + new FileInfo(Path.ChangeExtension(ir, ".bin")).Length, (long)written["bytes_after"]!);
        double Top1(string model) => (double)CommandLine.Json("eval", model, "--data", demo.HeldOut, "--preprocess", "cifar10")["top1"]!;
        Assert.Equal(Top1(quantized), Top1(ir), 0.011);
        Assert.Empty(Directory.GetFiles(folder, "*.tmp"));
    }

    [Fact]
    public void A_report_of_another_kind_is_refused_before_the_work()
    {
        CommandResult result = CommandLine.Run("quantize", demo.F32Model, "-o", Path.Combine(demo.NewFolder(), "x.onnx"),
            "--data", demo.Calibration, "--preprocess", "cifar10", "--report", "x.pdf");
        Assert.Equal(ExitCode.BadInput, result.ExitCode);
        Assert.Contains(".html or .json", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("f1", "f1")]
    [InlineData("auc", "auc")]
    [InlineData("top-k", "top5")]
    public void Metrics_are_chosen_by_name(string metric, string figure)
    {
        JsonObject result = CommandLine.Json("eval", demo.Int8Model, "--data", demo.HeldOut, "--preprocess", "cifar10",
            "--samples", "80", "--metric", metric);
        Assert.Equal(metric, (string)result["metric"]!);
        Assert.InRange((double)result[figure]!, 0.7, 1);
    }

    [Fact]
    public void Unknown_metrics_and_decoders_are_named()
    {
        CommandResult metric =
            CommandLine.Run("eval", demo.F32Model, "--data", demo.HeldOut, "--preprocess", "cifar10", "--metric", "beauty");
        CommandResult decoder = CommandLine.Run("eval", demo.F32Model, "--data", demo.HeldOut, "--preprocess", "cifar10",
            "--metric", "map", "--decoder", "ssd");
        Assert.Contains("use top-k, map, miou, f1 or auc", metric.Error, StringComparison.Ordinal);
        Assert.Contains("use yolox, yolox-planes or scores-boxes", decoder.Error, StringComparison.Ordinal);
        CommandResult boxes = CommandLine.Run("eval", demo.F32Model, "--data", demo.HeldOut, "--preprocess", "cifar10", "--metric", "map");
        Assert.Contains("400 of 400 samples", boxes.Error, StringComparison.Ordinal);
        Assert.Contains("have no boxes", boxes.Error, StringComparison.Ordinal);
    }
}
