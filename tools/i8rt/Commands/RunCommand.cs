// i8rt run: one inference, with the best classes or the raw outputs.
using System.CommandLine;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli.Commands;

/// <summary>Runs a model once.</summary>
internal static class RunCommand
{
    private static readonly Option<string[]> Input = new("--input", "-i")
    {
        Description = "Input file: .npy, .pb (ONNX TensorProto), .png, .ppm or .jpg. For several inputs repeat it, in order or "
            + "as NAME=FILE.",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<int> Top =
        new("--top") { Description = "Number of best classes to print.", DefaultValueFactory = _ => 5, HelpName = "K" };

    private static readonly Option<string?> Labels =
        new("--labels") { Description = "Text file with one class name in each line.", HelpName = "FILE" };

    private static readonly Option<string?> Save =
        new("--save") { Description = "Folder for the outputs as .npy files.", HelpName = "DIR" };

    public static Command Create()
    {
        Argument<string> model = ModelFile.CreateArgument();
        var command = new Command("run",
            """
            Run a model on one input and print the best classes of each output.

            Examples:
              i8rt run net.onnx --input cat.jpg --preprocess imagenet --labels classes.txt
              i8rt run net.onnx --input x.npy --save outputs/
              i8rt run two-inputs.onnx --input a=a.npy --input b=b.pb --json
            """)
        {
            model, Input, Top, Labels, Save,
        };
        DataOptions.AddPreprocessingTo(command);
        EngineOptions.AddTo(command);
        command.SetBody((parse, terminal, _) => Run(parse, parse.GetValue(model)!, terminal));
        return command;
    }

    private static int Run(ParseResult parse, string path, Terminal terminal)
    {
        ModelGraph graph = ModelFile.Load(path);
        string[]? labels = ReadLabels(parse.GetValue(Labels));
        int top = parse.GetValue(Top);
        if (top < 1)
            throw new UsageException($"--top is {top}; it must be at least 1");
        string? folder = parse.GetValue(Save);
        if (folder is not null && !Directory.Exists(folder))
            throw new UsageException($"there is no folder '{folder}' for the outputs; create it or choose another with --save");
        Dictionary<string, TensorData> inputs = ReadInputs(parse.GetValue(Input)!, graph, DataOptions.PreprocessingOf(parse));
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        using CompiledModel model = engine.Compile(graph);
        IReadOnlyDictionary<string, TensorData> outputs = ModelRunner.Run(model, inputs);

        var json = new JsonArray();
        foreach ((string name, TensorData tensor) in outputs)
        {
            json.Add((JsonNode)Describe(terminal, name, tensor, labels, top));
            if (folder is not null)
                NpyFile.Save(Path.Combine(folder, FileNameOf(name) + ".npy"),
                    new NpyArray(tensor.ElementType, tensor.Shape, tensor.Bytes.ToArray()));
        }

        terminal.Json(new JsonObject { ["model"] = path, ["outputs"] = json });
        return ExitCode.Success;
    }

    private static JsonObject Describe(Terminal terminal, string name, TensorData tensor, string[]? labels, int top)
    {
        var result = new JsonObject { ["name"] = name, ["type"] = tensor.ElementType.ToShortName(), ["shape"] = tensor.Shape.ToString() };
        if (tensor.ElementType != DataType.Float32)
        {
            terminal.Line($"{name}: {tensor}");
            return result;
        }

        float[] scores = tensor.AsSpan<float>().ToArray();
        int[] best = TopKAccuracy.Best(scores, Math.Min(top, scores.Length));
        string LabelOf(int index) => labels is not null && index < labels.Length ? labels[index] : "";
        terminal.Table($"{name} ({tensor.Shape})", [">index", ">score", "class"],
            best.Select(i => new[] { i.ToString(), Figures.Invariant($"{scores[i]:G6}"), LabelOf(i) }));
        result["top"] = new JsonArray(
            [.. best.Select(i =>
                new JsonObject { ["index"] = i, ["score"] = Figures.Number(scores[i]), ["class"] = LabelOf(i) })]);
        return result;
    }

    private static Dictionary<string, TensorData> ReadInputs(string[] files, ModelGraph graph, Preprocessing preprocessing)
    {
        if (files.Length != graph.Inputs.Count)
            throw new UsageException(
                $"the model has {graph.Inputs.Count} inputs ({string.Join(", ", graph.Inputs.Select(i => i.Name))}), but "
                + $"{files.Length} files are given");
        var inputs = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (int i = 0; i < files.Length; i++)
        {
            GraphValue? named = graph.Inputs.FirstOrDefault(v => files[i].StartsWith(v.Name + "=", StringComparison.Ordinal));
            GraphValue input = named ?? graph.Inputs[i];
            string file = named is null ? files[i] : files[i][(named.Name.Length + 1)..];
            if (!inputs.TryAdd(input.Name, InputFile.Load(file, input, preprocessing)))
                throw new UsageException($"input '{input.Name}' is given twice");
        }

        return inputs;
    }

    private static string[]? ReadLabels(string? path) => path is null ? null
        : File.Exists(path) ? File.ReadAllLines(path)
        : throw new UsageException($"there is no label file '{path}'");

    private static string FileNameOf(string name) =>
        string.Concat(name.Select(c => Array.IndexOf(Path.GetInvalidFileNameChars(), c) >= 0 ? '_' : c));
}
