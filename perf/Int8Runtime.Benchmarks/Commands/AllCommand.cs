// all: every table of a machine, into one folder.
using System.CommandLine;
using System.Globalization;
using Int8Runtime.Benchmarks.OneDnn;
using Int8Runtime.Benchmarks.OnnxRuntime;

namespace Int8Runtime.Benchmarks.Commands;

internal static class AllCommand
{
    private static readonly string[] ShapeFiles =
    [
        "conv/shapes_resnet_50_v1_5", "conv/shapes_googlenet_v1", "conv/shapes_googlenet_v3", "conv/shapes_densnet",
        "conv/shapes_mobilenet",
        "conv/shapes_mobilenet_dw", "conv/shapes_ssd_300_voc0712", "conv/shapes_ssd_mobilenet", "conv/shapes_efficientdet",
        "conv/shapes_unet",
        "conv/shapes_vgg_19", "ip/shapes_resnet_50", "ip/shapes_vgg16", "ip/shapes_bert",
    ];

    private static readonly Option<string> Data =
        new("--data") { Description = "Folder that holds benchdnn/, data/ and onnx-backend-tests/.", Required = true };

    private static readonly Option<string> Folder =
        new("-o", "--output") { Description = "Folder for the tables, for example perf/results/<cpu>.", Required = true };

    private static readonly Option<string> Threads =
        new("--threads") { Description = "Numbers of threads, separated by commas.", DefaultValueFactory = _ => "1" };

    static AllCommand()
    {
        Threads.Validators.Add(r => Output.Require(
            r, r.GetValueOrDefault<string>().Split(',').All(t => int.TryParse(t, CultureInfo.InvariantCulture, out int n) && n >= 1),
            "--threads must be numbers of at least 1, separated by commas"));
        Folder.Validators.Add(r => Output.Require(r, !File.Exists(r.GetValueOrDefault<string>()), "--output is a file; name a folder"));
    }

    public static Command Create()
    {
        var command = new Command("all",
            """
            Write all tables of this machine: kernels with oneDNN, models with ONNX Runtime.

            Example:
              all --data testdata -o perf/results/mycpu --threads 1,2 --seconds 0.5
            """)
        {
            Data, Folder, Threads, Output.Seconds, OrtCommand.Library,
        };
        command.SetAction(parse =>
        {
            string data = parse.GetValue(Data)!, folder = parse.GetValue(Folder)!;
            double seconds = parse.GetValue(Output.Seconds);
            string[] models = ModelsOf(data);
            ShapeFile[] shapes = [.. ShapeFiles.Select(file => ShapeFile.Read(Path.Combine(data, "benchdnn", file), batch: 1))];
            Directory.CreateDirectory(folder);
            int exitCode = 0;
            foreach (int threads in parse.GetValue(Threads)!.Split(',').Select(t => int.Parse(t, CultureInfo.InvariantCulture)))
            {
                BenchmarkCommands.RunApart(() =>
                {
                    Write(folder, FormattableString.Invariant($"models-{threads}t.md"),
                        [new ModelComparison(parse.GetValue(OrtCommand.Library)!, threads, seconds, Console.Error).Run("Models", models)]);
                    foreach ((string name, OperandTypes types) in new[] { ("int8", OperandTypes.UInt8), ("f32", OperandTypes.Float32) })
                    {
                        ResultTable[] tables = Kernels(shapes, types, threads, seconds);
                        Write(folder, FormattableString.Invariant($"kernels-{name}-{threads}t.md"), tables);
                        exitCode |= Output.ExitCodeOf(tables);
                    }
                });
            }

            return exitCode;
        });
        return command;
    }

    private static ResultTable[] Kernels(IReadOnlyList<ShapeFile> shapes, OperandTypes types, int threads, double seconds)
    {
        var comparison = new KernelComparison(new KernelComparisonOptions(types, Batch: 1, threads, seconds, Filter: ""), Console.Error);
        return [.. shapes.Select(comparison.Run)];
    }

    private static string[] ModelsOf(string data)
    {
        string[] folders = [Path.Combine(data, "data", "onnx"), Path.Combine(data, "onnx-backend-tests", "light")];
        foreach (string folder in folders.Where(f => !Directory.Exists(f)))
            throw new BadInputException($"--data: there is no folder '{folder}'; give the folder that holds benchdnn/, data/ and onnx-backend-tests/");
        return [.. folders.SelectMany(f => Directory.GetFiles(f, "*.onnx").Order(StringComparer.Ordinal))];
    }

    private static void Write(string folder, string name, IReadOnlyList<ResultTable> tables) =>
        File.WriteAllText(Path.Combine(folder, name), Summary.Of(tables) + string.Concat(tables.Select(t => t.ToMarkdown())));
}
