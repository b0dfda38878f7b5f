// The demo's figures, and the chain of commands on its files.
using System.Text.Json.Nodes;
using Int8Runtime.Onnx;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli.Tests;

[Collection("demo")]
public sealed class DemoTests(DemoFiles demo)
{
    private static readonly string[] Cifar = ["--preprocess", "cifar10"];

    [Fact]
    public void Int8_is_as_accurate_and_much_smaller()
    {
        JsonNode f32 = demo.Figures["f32"]!, int8 = demo.Figures["int8"]!;
        Assert.True((double)f32["top1"]! > 0.9);
        Assert.InRange((double)int8["top1"]!, (double)f32["top1"]! - 0.02, 1);
        Assert.True((double)demo.Figures["agreement"]! >= 0.95);
        Assert.True((double)int8["file_bytes"]! <= 0.30 * (double)f32["file_bytes"]!);
        Assert.True((double)int8["median_ms"]! > 0);
    }

    [Fact]
    public void Runs_allocate_nothing()
    {
        Assert.Equal(0, (double)demo.Figures["f32"]!["allocated_bytes_per_run"]!);
        Assert.Equal(0, (double)demo.Figures["int8"]!["allocated_bytes_per_run"]!);
    }

    [Fact]
    public void No_layer_of_the_int8_model_runs_on_a_scalar_reference()
    {
        if (CpuEngine.Limitation is not null)
            return;
        JsonArray nodes = demo.Figures["plan"]!["nodes"]!.AsArray();
        Assert.All(nodes, n => Assert.False((bool)n!["slow"]!, $"{n["name"]} runs on {n["implementation"]}"));
        Assert.All(nodes.Where(n => (string)n!["operator"]! is "Conv" or "Gemm" or "Add"),
            n => Assert.True((bool)n!["int8"]!, (string)n["name"]!));
    }

    [Fact]
    public void The_demo_prints_tables_for_people()
    {
        CommandResult result = CommandLine.Run("demo", "--seconds", "0.05", "--threads", "1");
        Assert.Equal(ExitCode.Success, result.ExitCode);
        Assert.DoesNotContain('\u001b', result.Output);
        foreach (string text in (string[])["accuracy, top-1", "latency, median", "file size", "kernels of the int8 model", "Gemm"])
            Assert.Contains(text, result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_chain_from_quantize_to_bench_works()
    {
        string model = Path.Combine(demo.NewFolder(), "int8.onnx");
        JsonObject quantized = CommandLine.Json(
            ["quantize", demo.F32Model, "-o", model, "--data", demo.Calibration, "--profile", "auto", .. Cifar]);
        Assert.True((int)quantized["quantized_nodes"]! >= 26);
        Assert.Equal(new FileInfo(model).Length, (long)quantized["bytes_after"]!);
        Assert.Equal(File.ReadAllBytes(demo.Int8Model), File.ReadAllBytes(model));

        JsonObject accuracy = CommandLine.Json(["eval", model, "--data", demo.HeldOut, .. Cifar]);
        Assert.Equal((double)demo.Figures["int8"]!["top1"]!, (double)accuracy["top1"]!, 6);
        Assert.Equal(400, (int)accuracy["samples"]!);
        Assert.True((double)accuracy["top5"]! >= (double)accuracy["top1"]!);

        JsonObject bench = CommandLine.Json("bench", model, "--seconds", "0.1", "--threads", "1", "--layers", "--batch", "2");
        foreach (string figure in (string[])["min_ms", "median_ms", "throughput", "load_ms", "compile_ms", "activation_bytes",
            "peak_working_set_bytes"])
            Assert.True((double)bench[figure]! > 0, figure);
        Assert.Equal(0, (double)bench["allocated_bytes_per_run"]!);
        Assert.NotEmpty(bench["layers"]!.AsArray());

        JsonObject plan = CommandLine.Json("explain", model, "--passes");
        Assert.True((int)plan["int8_nodes"]! >= 15);
        Assert.NotEmpty(plan["passes"]!.AsArray());
        string[] problems = [.. plan["nodes"]!.AsArray().Select(n => (string?)n!["problem"]).OfType<string>()];
        Assert.True(problems.Length >= 15);
        Assert.All(problems, problem => Assert.StartsWith("i8bench --", problem, StringComparison.Ordinal));
        Assert.Contains("kernel", CommandLine.Run("explain", model, "--layer", "logits").Output, StringComparison.Ordinal);
        Assert.Equal("logits", (string)CommandLine.Json("explain", model, "--layer", "logits")["nodes"]![0]!["name"]!);
    }

    [Fact]
    public void Measured_tiles_are_kept_in_a_file_that_other_commands_take()
    {
        string tiles = Path.Combine(demo.NewFolder(), "tiles.txt");
        JsonObject tuned = CommandLine.Json("bench", demo.F32Model, "--seconds", "0.05", "--threads", "1", "--tune", "--tuning", tiles);
        Assert.NotEmpty(tuned["tiles"]!.AsArray());
        Assert.Equal(1 + tuned["tiles"]!.AsArray().Count, File.ReadAllLines(tiles).Length);
        string[] evaluate = ["eval", demo.F32Model, "--data", demo.HeldOut, "--threads", "1", .. Cifar];
        Assert.Equal((double)CommandLine.Json(evaluate)["top1"]!, (double)CommandLine.Json([.. evaluate, "--tuning", tiles])["top1"]!);

        CommandResult missing = CommandLine.Run("bench", demo.F32Model, "--tuning", tiles + ".missing");
        Assert.NotEqual(ExitCode.Success, missing.ExitCode);
        Assert.Contains("--tune", missing.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Images_and_tensors_give_the_same_scores()
    {
        var images = new Cifar10Dataset("heldout", File.ReadAllBytes(demo.HeldOut), Preprocessing.FromPreset("cifar10"));
        string folder = demo.NewFolder(), image = Path.Combine(folder, "image.ppm"), tensor = Path.Combine(folder, "image.npy");
        File.WriteAllBytes(image, [.. "P6\n32 32\n255\n"u8, .. images.Image(3).Pixels]);
        var values = new float[3072];
        images.Load(3, values);
        Models.SaveNpy(tensor, [1, 3, 32, 32], values);

        JsonObject fromImage = CommandLine.Json(
            ["run", demo.Int8Model, "--input", image, "--labels", demo.Classes, "--top", "3", "--save", folder, .. Cifar]);
        JsonObject fromTensor = CommandLine.Json("run", demo.Int8Model, "--input", tensor, "--top", "3", "--labels", demo.Classes);
        Assert.Equal(fromTensor["outputs"]!.ToJsonString(), fromImage["outputs"]!.ToJsonString());
        JsonArray top = fromImage["outputs"]![0]!["top"]!.AsArray();
        Assert.Equal(3, top.Count);
        Assert.Equal(File.ReadAllLines(demo.Classes)[(int)top[0]!["index"]!], (string)top[0]!["class"]!);
        Assert.Equal([1, 10], NpyFile.Load(Path.Combine(folder, "logits.npy")).Shape.Span.ToArray());
    }

    [Fact]
    public void Every_sample_of_a_batch_gets_its_own_classes()
    {
        string folder = demo.NewFolder(), sum = demo.Write("batch.onnx", Models.Bytes(Models.Sum()));
        string first = Path.Combine(folder, "first.npy"), names = demo.Write("three.txt", "a\nb\nc\n"), few = demo.Write("few.txt", "a\n");
        Models.SaveNpy(first, [2, 3], 1, 3, 2, 6, 5, 4);
        NpyFile.Save(Path.Combine(folder, "second.npy"), new NpyArray(DataType.Int16, [2, 3], new byte[12]));
        string[] command = ["run", sum, "--input", first, "--input", Path.Combine(folder, "second.npy"), "--top", "1"];
        CommandResult result = CommandLine.Run([.. command, "--labels", names, "--json", "--save", Path.Combine(folder, "new", "deep")]);
        Assert.Equal((ExitCode.Success, ""), (result.ExitCode, result.Error));
        JsonArray top = result.Json["outputs"]![0]!["top"]!.AsArray();
        Assert.Equal([(0, 1, "b"), (1, 0, "a")], top.Select(t => ((int)t!["sample"]!, (int)t["index"]!, (string)t["class"]!)));
        Assert.True(File.Exists(Path.Combine(folder, "new", "deep", "z.npy")));

        CommandResult warned = CommandLine.Run([.. command, "--labels", few]);
        Assert.Contains("names 1 classes, but no output has as many: 'z' has 3", warned.Error, StringComparison.Ordinal);
        Assert.Contains("sample 1", warned.Output, StringComparison.Ordinal);
        Models.SaveNpy(first, [2, 3], 1, float.NaN, 2, 6, float.PositiveInfinity, 4);
        Assert.Contains("2 of 6 values of input 'x' are NaN or infinite", CommandLine.Run(command).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Models_are_verified_against_expected_outputs()
    {
        string folder = demo.NewFolder(), good = WriteCase(folder, "good", 1), bad = WriteCase(folder, "bad", 2);
        JsonObject passed = CommandLine.Json("verify", good);
        Assert.Equal((1, 0, 0), ((int)passed["passed"]!, (int)passed["failed"]!, (int)passed["unsupported"]!));

        string ir = Path.Combine(folder, "ir"), unknown = Path.Combine(folder, "unknown"), linked = Path.Combine(folder, "linked");
        foreach (string name in (string[])[ir, unknown, linked])
            Directory.CreateDirectory(name);
        File.WriteAllText(Path.Combine(folder, "net.xml"), "<net/>");
        File.WriteAllText(Path.Combine(ir, "model.path"), "../net.xml\n");
        File.WriteAllBytes(Path.Combine(unknown, "model.onnx"), Models.Bytes(Models.Unknown(1)));
        File.WriteAllText(Path.Combine(linked, "model.path"), "../good/model.onnx");
        CopySets(good, linked);
        CommandResult all = CommandLine.Run("verify", folder, "--json");
        Assert.Equal(ExitCode.CheckFailed, all.ExitCode);
        Assert.Equal((2, 1, 2), ((int)all.Json["passed"]!, (int)all.Json["failed"]!, (int)all.Json["unsupported"]!));
        Dictionary<string, JsonNode> cases = all.Json["cases"]!.AsArray().ToDictionary(c => (string)c!["name"]!, c => c!);
        Assert.Contains("versions 10 and 11", (string)cases["ir"]["detail"]!, StringComparison.Ordinal);
        Assert.Contains("Frobnicate", (string)cases["unknown"]["detail"]!, StringComparison.Ordinal);
        Assert.Contains("element", (string)cases["bad"]["detail"]!, StringComparison.Ordinal);
        Assert.Equal("failed", (string)cases[Path.GetFileName(bad)]["outcome"]!);
    }

    [Fact]
    public void Names_of_classes_may_begin_behind_a_background_class()
    {
        string sum = demo.Write("background.onnx", Models.Bytes(Models.Sum())), names = demo.Write("two-names.txt", "cat\ndog\n");
        string input = Path.Combine(demo.NewFolder(), "x.npy");
        Models.SaveNpy(input, [1, 3], 1, 2, 3);
        string[] run = ["run", sum, "--input", input, "--input", input, "--labels", names];
        Assert.Contains("--label-offset 1 is for models with a background class", CommandLine.Run(run).Error, StringComparison.Ordinal);
        JsonNode top = CommandLine.Json([.. run, "--label-offset", "1"])["outputs"]![0]!["top"]!;
        Assert.Equal(["dog", "cat", ""], top.AsArray().Select(t => (string)t!["class"]!));
    }

    [Fact]
    public void Models_are_converted_to_OpenVINO_IR_and_back()
    {
        string folder = demo.NewFolder(), xml = Path.Combine(folder, "net.xml"), back = Path.Combine(folder, "back.onnx");
        JsonObject written = CommandLine.Json("convert", demo.Int8Model, "-o", xml);
        Assert.True(File.Exists(Path.Combine(folder, "net.bin")));
        Assert.True((long)written["bytes_after"]! > new FileInfo(Path.Combine(folder, "net.bin")).Length);
        CommandLine.Json("convert", xml, "-o", back);
        foreach (string model in (string[])[xml, back])
        {
            JsonObject result = CommandLine.Json("eval", model, "--data", demo.HeldOut, "--preprocess", "cifar10", "--samples", "200");
            JsonObject expected =
                CommandLine.Json("eval", demo.Int8Model, "--data", demo.HeldOut, "--preprocess", "cifar10", "--samples", "200");
            Assert.Equal((double)expected["top1"]!, (double)result["top1"]!);
        }

        // A form that is missing is told before the samples are looked at.
        string hard = Path.Combine(folder, "hard.onnx");
        File.WriteAllBytes(hard, Models.Bytes(Models.Hard()));
        CommandResult early = CommandLine.Run("quantize", hard, "-o", Path.Combine(folder, "hard.xml"), "--data", "synthetic");
        Assert.Contains("Node 'z' (Hardmax) has no form in OpenVINO's operator sets. Write the model as .onnx", early.Error,
            StringComparison.Ordinal);

        CommandResult refused = CommandLine.Run("convert", xml, "-o", Path.Combine(folder, "net.txt"));
        Assert.Equal(ExitCode.BadInput, refused.ExitCode);
        Assert.Contains("extension", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Int8_models_need_less_memory_at_run_time()
    {
        JsonObject f32 = CommandLine.Json("explain", demo.F32Model), int8 = CommandLine.Json("explain", demo.Int8Model);
        Assert.True((long)int8["activation_bytes"]! < 0.5 * (long)f32["activation_bytes"]!);
        Assert.True((long)int8["weight_bytes"]! < (long)f32["weight_bytes"]!);
    }

    [Fact]
    public void Inspect_counts_int8_layers_and_lists_capabilities()
    {
        JsonObject int8 = CommandLine.Json("inspect", demo.Int8Model), f32 = CommandLine.Json("inspect", demo.F32Model);
        Assert.True((int)int8["int8_layers"]! > (int)int8["layers"]! / 2);
        Assert.Equal(0, (int)f32["int8_layers"]!);
        Assert.All(f32["float_layers"]!.AsArray(), layer => Assert.NotEqual("", (string)layer!["reason"]!));
        JsonNode convolution = f32["capabilities"]!.AsArray().First(c => (string)c!["operator"]! == "Conv")!;
        Assert.Equal(["f32", "int8"], convolution["precisions"]!.AsArray().Select(p => (string)p!));
        Assert.Contains("per channel", convolution["weight_granularity"]!.AsArray().Select(p => (string)p!));
        CommandResult text = CommandLine.Run("inspect", demo.Int8Model, "--capabilities");
        // The quantizer of the image is no layer.
        Assert.Equal((int)f32["layers"]!, (int)int8["layers"]!);
        Assert.Equal(["f32→u8"], int8["conversions"]!.AsArray().Select(c => (string)c!["precision"]!));
        Assert.Contains($"will run int8: {int8["int8_layers"]} of {int8["layers"]} layers", text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Randomize_writes_a_model_that_runs()
    {
        string model = Path.Combine(demo.NewFolder(), "random.onnx");
        CommandLine.Json("randomize", demo.F32Model, "-o", model);
        Assert.NotEqual(File.ReadAllBytes(demo.F32Model), File.ReadAllBytes(model));
        CommandLine.Json("bench", model, "--seconds", "0.05", "--threads", "1");
        string int8 = model + "-int8.onnx";
        CommandLine.Json("quantize", model, "-o", int8, "--data", "synthetic", "--samples", "4", "--preset", "performance");
        Assert.True(new FileInfo(int8).Length < 0.33 * new FileInfo(model).Length);
    }

    [Fact]
    public void Info_describes_machine_and_model()
    {
        Assert.NotEmpty((string)CommandLine.Json("info")["tier"]!);
        Assert.Equal("avx2", (string)CommandLine.Json("info", "--isa", "avx2")["tier"]!);
        JsonObject model = CommandLine.Json("info", demo.F32Model);
        Assert.Equal("image", (string)model["inputs"]![0]!["name"]!);
        Assert.True((int)model["operators"]!["Conv"]! > 10);
        Assert.DoesNotContain("\n\n\n", CommandLine.Run("info").Output, StringComparison.Ordinal);
    }

    // relu(x) of one data set, compared with factor·relu(x).
    private static string WriteCase(string folder, string name, float factor)
    {
        string path = Path.Combine(folder, name), set = Path.Combine(path, "test_data_set_0");
        Directory.CreateDirectory(set);
        File.WriteAllBytes(Path.Combine(path, "model.onnx"), Models.Bytes(Models.Relu()));
        OnnxTensor.Save(new NamedTensor("x", Graph.TensorData.Create<float>([-1, 2, 3], [1, 3])), Path.Combine(set, "input_0.pb"));
        OnnxTensor.Save(new NamedTensor("z", Graph.TensorData.Create<float>([0, 2 * factor, 3 * factor], [1, 3])),
            Path.Combine(set, "output_0.pb"));
        return path;
    }

    private static void CopySets(string from, string to)
    {
        string set = Path.Combine(to, "test_data_set_0");
        Directory.CreateDirectory(set);
        foreach (string file in Directory.GetFiles(Path.Combine(from, "test_data_set_0")))
            File.Copy(file, Path.Combine(set, Path.GetFileName(file)));
    }
}
