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

    private static readonly Option<int> LabelOffset = new("--label-offset")
    {
        Description = "Classes in front of those that --labels names (1 for a background class).", HelpName = "N",
    };

    private static readonly Option<string?> Save =
        new("--save") { Description = "Folder for the outputs as .npy files; it is made if it does not exist.", HelpName = "DIR" };

    public static Command Create() => ModelCommand.Create(
        "run",
        """
        Run a model on one input and print the best classes of each output, for each sample of a batch.

        Examples:
          i8rt run net.onnx --input cat.jpg --preprocess imagenet --labels classes.txt
          i8rt run net.onnx --input x.npy --save outputs/
          i8rt run two-inputs.onnx --input a=a.npy --input b=b.pb --json
        """,
        Run,
        [Input, Top, Labels, LabelOffset, Save, .. DataOptions.PreprocessingOptions]);

    private static int Run(ParseResult parse, string path, Terminal terminal, CancellationToken _)
    {
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        engine.WarmUp();
        ModelGraph graph = ModelFile.Load(path);
        string[]? labels = ReadLabels(parse.GetValue(Labels));
        int top = parse.GetValue(Top);
        if (top < 1)
            throw new UsageException($"--top is {top}; it must be at least 1");
        int offset = parse.GetValue(LabelOffset);
        string? folder = parse.GetValue(Save);
        Dictionary<string, TensorData> inputs = ReadInputs(parse.GetValue(Input)!, graph, DataOptions.PreprocessingOf(parse));
        if (folder is not null)
            ModelFile.PrepareFolder(folder, "--save");
        WarnOfNonFinite(terminal, inputs);
        using CompiledModel model = engine.Compile(graph);
        IReadOnlyDictionary<string, TensorData> outputs = ModelRunner.Run(model, inputs);

        int batch = BatchOf(inputs);
        var json = new JsonArray();
        foreach ((string name, TensorData tensor) in outputs)
        {
            json.Add((JsonNode)Describe(terminal, name, tensor, SamplesOf(tensor, batch), labels, offset, top));
            if (folder is not null)
                NpyFile.Save(Path.Combine(folder, FileNameOf(name) + ".npy"),
                    new NpyArray(tensor.ElementType, tensor.Shape, tensor.Bytes.ToArray()));
        }

        int[] classes = [.. outputs.Values.Select(o => o.ElementCount / SamplesOf(o, batch))];
        if (labels is not null && !classes.Contains(labels.Length + offset))
        {
            terminal.Warning($"'{parse.GetValue(Labels)}' names {labels.Length} classes{(offset != 0 ? $" from index {offset} on" : "")}, "
                + $"but no output has as many: {string.Join(", ", outputs.Keys.Zip(classes, (name, count) => $"'{name}' has {count}"))}"
                + (classes.Contains(labels.Length + 1) ? "; --label-offset 1 is for models with a background class" : ""));
        }

        terminal.Json(new JsonObject { ["model"] = path, ["outputs"] = json });
        return ExitCode.Success;
    }

    // Not an error: some models are meant to meet such values. More often a division by zero made them.
    private static void WarnOfNonFinite(Terminal terminal, Dictionary<string, TensorData> inputs)
    {
        foreach ((string name, TensorData tensor) in inputs)
        {
            int count = 0;
            if (tensor.ElementType == DataType.Float32)
                foreach (float value in tensor.AsSpan<float>())
                    count += float.IsFinite(value) ? 0 : 1;
            if (count > 0)
                terminal.Warning($"{count} of {tensor.ElementCount} values of input '{name}' are NaN or infinite");
        }
    }

    // The first extent that all inputs share: then it counts samples in outputs as well.
    private static int BatchOf(Dictionary<string, TensorData> inputs)
    {
        int[] extents = [.. inputs.Values.Select(t => t.Rank > 1 ? t.Shape[0] : 1).Distinct()];
        return extents is [> 1 and int batch] ? batch : 1;
    }

    private static int SamplesOf(TensorData output, int batch) => output.Rank > 1 && output.Shape[0] == batch ? batch : 1;

    private static JsonObject Describe(Terminal terminal, string name, TensorData tensor, int samples, string[]? labels, int offset, int top)
    {
        var result = new JsonObject { ["name"] = name, ["type"] = tensor.ElementType.ToShortName(), ["shape"] = tensor.Shape.ToString() };
        if (tensor.ElementType is not (DataType.Float32 or DataType.Float16 or DataType.BFloat16))
        {
            terminal.Line($"{name}: {tensor}");
            return result;
        }

        string LabelOf(int index) => labels is not null && (uint)(index - offset) < (uint)labels.Length ? labels[index - offset] : "";
        float[] values = tensor.ToSingleArray();
        int classes = tensor.ElementCount / samples;
        var list = new JsonArray();
        for (int sample = 0; sample < samples; sample++)
        {
            float[] scores = values[(sample * classes)..((sample + 1) * classes)];
            int[] best = TopKAccuracy.Best(scores, Math.Min(top, classes));
            terminal.Table($"{name} ({tensor.Shape}){(samples > 1 ? $", sample {sample}" : "")}", [">index", ">score", "class"],
                best.Select(i => new[] { i.ToString(), Figures.Invariant($"{scores[i]:G6}"), LabelOf(i) }));
            foreach (int i in best)
                list.Add((JsonNode)new JsonObject
                {
                    ["sample"] = sample, ["index"] = i, ["score"] = Figures.Number(scores[i]), ["class"] = LabelOf(i),
                });
        }

        result["top"] = list;
        return result;
    }

    private static Dictionary<string, TensorData> ReadInputs(string[] files, ModelGraph graph, Preprocessing preprocessing)
    {
        if (files.Length != graph.Inputs.Count)
            throw new UsageException(
                $"the model has {Figures.Count(graph.Inputs.Count, "input")} ({NamesOf(graph)}), but --input is given "
                + Figures.Count(files.Length, "time"));
        var inputs = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (int i = 0; i < files.Length; i++)
        {
            GraphValue? named = graph.Inputs.FirstOrDefault(v => files[i].StartsWith(v.Name + "=", StringComparison.Ordinal));
            if (named is null && files[i].IndexOf('=') is > 0 and int end && !File.Exists(files[i]))
                throw new UsageException($"the model has no input '{files[i][..end]}'; it has {NamesOf(graph)}");
            GraphValue input = named ?? graph.Inputs[i];
            string file = named is null ? files[i] : files[i][(named.Name.Length + 1)..];
            if (!inputs.TryAdd(input.Name, InputFile.Load(file, input, preprocessing)))
                throw new UsageException($"input '{input.Name}' is given twice");
        }

        return inputs;
    }

    private static string NamesOf(ModelGraph graph) => string.Join(", ", graph.Inputs.Select(i => i.Name));

    private static string[]? ReadLabels(string? path) => path is null ? null
        : File.Exists(path) ? File.ReadAllLines(path)
        : throw new UsageException(Directory.Exists(path)
            ? $"'{path}' is a folder; give the file of class names with --labels"
            : $"there is no label file '{path}'");

    private static string FileNameOf(string name) =>
        string.Concat(name.Select(c => Array.IndexOf(Path.GetInvalidFileNameChars(), c) >= 0 ? '_' : c));
}
