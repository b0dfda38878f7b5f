// i8rt quantize: an f32 model and sample images in, an int8 model out.
using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli.Commands;

/// <summary>Calibrates and quantizes a model.</summary>
internal static class QuantizeCommand
{
    private static readonly Option<string> Output = new("--output", "-o") { Description = "The int8 model to write, .onnx or .xml.", HelpName = "FILE", Required = true };

    private static readonly Option<string> Preset = new("--preset")
    {
        Description = "mixed (asymmetric u8 activations, best accuracy) or performance (symmetric activations).",
        DefaultValueFactory = _ => "mixed",
        HelpName = "NAME",
    };

    private static readonly Option<int> Samples = new("--samples")
    {
        Description = "Number of calibration samples, spread over the data set.", DefaultValueFactory = _ => 300, HelpName = "N",
    };

    private static readonly Option<string[]> Ignore = new("--ignore") { Description = "Node that stays f32; may be repeated.", HelpName = "NODE" };

    public static Command Create()
    {
        Argument<string> model = ModelFile.CreateArgument();
        var command = new Command("quantize",
            """
            Quantize an f32 model to int8 after measuring value ranges on sample images.

            Examples:
              i8rt quantize net.onnx -o net-int8.onnx --data images/ --preprocess imagenet
              i8rt quantize cifar.onnx -o cifar-int8.onnx --data train.bin --preprocess cifar10 --preset performance
              i8rt quantize net.onnx -o net-int8.onnx --data synthetic     (random samples: for timing only)
            """)
        {
            model, Output, Preset, Samples, Ignore, ReportOption.Report,
        };
        DataOptions.AddTo(command);
        EngineOptions.AddTo(command);
        command.SetBody((parse, terminal, cancellation) => Run(parse, parse.GetValue(model)!, terminal, cancellation));
        return command;
    }

    private static int Run(ParseResult parse, string path, Terminal terminal, CancellationToken cancellation)
    {
        string output = parse.GetValue(Output)!;
        ModelFile.CheckOutput(output, path);
        ReportOption.Check(parse, path);
        int sampleCount = parse.GetValue(Samples);
        if (sampleCount < 1)
            throw new UsageException($"--samples is {sampleCount}; it must be at least 1");
        var options = new QuantizationOptions
        {
            Preset = ParsePreset(parse.GetValue(Preset)!),
            SampleCount = sampleCount,
            Ignored = new IgnoredScope { Names = parse.GetValue(Ignore) ?? [] },
        };
        ModelGraph graph = ModelFile.Load(path);
        IDataset samples = OpenSamples(parse, graph, sampleCount);
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        var watch = Stopwatch.StartNew();
        QuantizationResult result = terminal.Progress("calibrating", progress => new PostTrainingQuantizer(engine).Quantize(
            graph, samples, options, new ProgressAdapter<SampleProgress>(p => progress.Report((p.Done, p.Total))), cancellation));
        ModelFile.Save(result.Graph, output, OnnxFileForm.Compact);
        ReportOption.Write(parse, terminal, engine, path, output, graph, result, samples, cancellation);
        Report(terminal, path, output, result.Report, watch.Elapsed);
        return ExitCode.Success;
    }

    private static QuantizationPreset ParsePreset(string name) => name switch
    {
        "mixed" => QuantizationPreset.Mixed,
        "performance" => QuantizationPreset.Performance,
        _ => throw new UsageException($"--preset is '{name}'; use mixed or performance"),
    };

    private static IDataset OpenSamples(ParseResult parse, ModelGraph graph, int count)
    {
        if (parse.GetValue(DataOptions.Data) != "synthetic")
            return DataOptions.Open(parse, requireLabels: false);
        if (graph.Inputs is not [{ } input])
            throw new UsageException($"the model has {graph.Inputs.Count} inputs; synthetic samples feed models with one");
        GraphShape shape = input.Shape ?? throw new UsageException($"input '{input.Name}' has no shape; synthetic samples need one");
        if (shape.Rank < 1)
            throw new UsageException($"input '{input.Name}' is a scalar; synthetic samples need a batch dimension");
        var extents = new int[shape.Rank - 1];
        for (int d = 1; d < shape.Rank; d++)
            extents[d - 1] = shape[d].Extent ?? throw new UsageException($"input '{input.Name}' has the open shape {shape}; synthetic samples need numbers");
        return new SyntheticDataset(extents, count);
    }

    private static void Report(Terminal terminal, string path, string output, QuantizationReport report, TimeSpan elapsed)
    {
        long before = ModelFile.SizeOf(path), after = ModelFile.SizeOf(output);
        terminal.Line($"{output}: {report.QuantizedNodes} of {report.Nodes.Count} nodes in int8, {report.Samples} samples, {Figures.Seconds(elapsed)}");
        terminal.Line($"size {Figures.Bytes(before)} → {Figures.Bytes(after)} ({Figures.Ratio((double)after / before)})");
        terminal.Table("nodes that stay f32", ["node", "operator", "reason"],
            report.Nodes.Where(n => !n.IsQuantized).Select(n => new[] { Figures.Shorten(n.Name, 60), n.OpType, n.Reason }));
        terminal.Json(new JsonObject
        {
            ["model"] = path,
            ["output"] = output,
            ["quantized_nodes"] = report.QuantizedNodes,
            ["nodes"] = report.Nodes.Count,
            ["samples"] = report.Samples,
            ["seconds"] = elapsed.TotalSeconds,
            ["bytes_before"] = before,
            ["bytes_after"] = after,
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
            })]),
        });
    }
}
