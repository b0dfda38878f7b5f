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

    static AllCommand() => Threads.Validators.Add(r => Output.Require(
        r, r.GetValueOrDefault<string>().Split(',').All(t => int.TryParse(t, CultureInfo.InvariantCulture, out int n) && n >= 1),
        "--threads must be numbers of at least 1, separated by commas"));

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
            Directory.CreateDirectory(folder);
            int exitCode = 0;
            foreach (int threads in parse.GetValue(Threads)!.Split(',').Select(t => int.Parse(t, CultureInfo.InvariantCulture)))
            {
                // A pinned thread stays pinned, so every set of tables runs on a thread of its own.
                var worker = new Thread(() =>
                {
                    Write(folder, FormattableString.Invariant($"models-{threads}t.md"),
                        [Models(data, parse.GetValue(OrtCommand.Library)!, threads, seconds)]);
                    foreach ((string name, OperandTypes types) in new[] { ("int8", OperandTypes.UInt8), ("f32", OperandTypes.Float32) })
                    {
                        ResultTable[] tables = Kernels(data, types, threads, seconds);
                        Write(folder, FormattableString.Invariant($"kernels-{name}-{threads}t.md"), tables);
                        exitCode |= Output.ExitCodeOf(tables);
                    }
                });
                worker.Start();
                worker.Join();
            }

            return exitCode;
        });
        return command;
    }

    private static ResultTable[] Kernels(string data, OperandTypes types, int threads, double seconds)
    {
        var comparison = new KernelComparison(new KernelComparisonOptions(types, Batch: 1, threads, seconds, Filter: ""), Console.Error);
        return [.. ShapeFiles.Select(file => comparison.Run(Path.Combine(data, "benchdnn", file)))];
    }

    private static ResultTable Models(string data, string library, int threads, double seconds)
    {
        string[] models =
        [
            .. Directory.GetFiles(Path.Combine(data, "data", "onnx"), "*.onnx").Order(StringComparer.Ordinal),
            .. Directory.GetFiles(Path.Combine(data, "onnx-backend-tests", "light"), "*.onnx").Order(StringComparer.Ordinal),
        ];
        return new ModelComparison(library, threads, seconds, Console.Error).Run("Models", models);
    }

    private static void Write(string folder, string name, IReadOnlyList<ResultTable> tables) =>
        File.WriteAllText(Path.Combine(folder, name), Summary.Of(tables) + string.Concat(tables.Select(t => t.ToMarkdown())));
}
