// Whatever is wrong with files and options: exit code 2, one line that names the culprit and the remedy, no stray file.
using Int8Runtime.Onnx;

namespace Int8Runtime.Cli.Tests;

[Collection("demo")]
public sealed class BadInputTests(DemoFiles demo)
{
    private static readonly string[] Cifar = ["--preprocess", "cifar10"];

    [Fact]
    public void Models_that_cannot_be_read_are_named()
    {
        byte[] model = File.ReadAllBytes(demo.F32Model);
        string xml = demo.Write("net.xml", "<?xml version=\"1.0\"?><net name=\"x\" version=\"11\"/>");
        (string Path, string Expected)[] cases =
        [
            (demo.Write("cut.onnx", model[..(model.Length / 2)]), "cut off"),
            (demo.Write("empty.onnx", ""), "empty.onnx"),
            (demo.Write("text.onnx", "this is no model at all, just some words"), "no ONNX model"),
            (demo.HeldOut, "no ONNX model"),
            (demo.Folder, "is a folder"),
            (Path.Combine(demo.Folder, "nowhere.onnx"), "there is no model file"),
            (xml, "<layers> is missing"),
        ];
        foreach ((string path, string expected) in cases)
        {
            foreach (string[] command in (string[][])[
                ["info", path], ["bench", path], ["explain", path], ["run", path, "--input", "x.npy"],
                ["randomize", path, "-o", Path.Combine(demo.NewFolder(), "out.onnx")],
                ["eval", path, "--data", demo.HeldOut],
                ["quantize", path, "-o", Path.Combine(demo.NewFolder(), "out.onnx"), "--data", demo.Calibration]])
            {
                Fails([expected, Path.GetFileName(path)], command);
            }
        }
    }

    [Fact]
    public void Damaged_bytes_never_crash_the_program()
    {
        byte[] model = Models.Bytes(GraphWithWeights());
        var random = new Random(4);
        for (int i = 0; i < 300; i++)
        {
            byte[] damaged = [.. model];
            for (int k = 0; k <= random.Next(4); k++)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            string path = demo.Write("damaged.onnx", i % 5 == 0 ? damaged[..random.Next(damaged.Length)] : damaged);
            CommandResult result = CommandLine.Run("bench", path, "--seconds", "0.001", "--threads", "1");
            Assert.True(result.ExitCode is ExitCode.Success or ExitCode.BadInput, $"variant {i}: {result.ExitCode}: {result.Error}");
        }
    }

    [Fact]
    public void Unknown_operators_are_named_with_their_nodes()
    {
        string one = demo.Write("one.onnx", Models.Bytes(Models.Unknown(1))),
            many = demo.Write("many.onnx", Models.Bytes(Models.Unknown(12)));
        Fails(["one.onnx", "strange0", "Frobnicate"], "bench", one);
        CommandResult result = CommandLine.Run("explain", many);
        Assert.Equal(ExitCode.BadInput, result.ExitCode);
        string[] lines = result.Error.TrimEnd().Split('\n');
        Assert.Contains("12 nodes", lines[0], StringComparison.Ordinal);
        Assert.Equal(10, lines.Length);
        Assert.All(lines[1..9], l => Assert.Contains("Frobnicate", l, StringComparison.Ordinal));
        Assert.Equal("  and 4 more", lines[9].TrimEnd());
    }

    [Fact]
    public void Inputs_of_another_shape_type_or_number_are_refused()
    {
        string folder = demo.NewFolder(), sum = demo.Write("sum.onnx", Models.Bytes(Models.Sum()));
        string good = Path.Combine(folder, "good.npy"), wide = Path.Combine(folder, "wide.npy"),
            integers = Path.Combine(folder, "integers.pb");
        Models.SaveNpy(good, [1, 3], 1, 2, 3);
        Models.SaveNpy(wide, [1, 4], 1, 2, 3, 4);
        OnnxTensor.Save(new NamedTensor("x", Graph.TensorData.Create<long>([1, 2, 3], [1, 3])), integers);
        Fails(["wide.npy", "1x4", "'y'"], "run", sum, "--input", good, "--input", wide);
        Fails(["integers.pb", "Int64", "'x'"], "run", sum, "--input", integers, "--input", good);
        Fails(["2 inputs", "x, y"], "run", sum, "--input", good);
        Fails(["'x'", "twice"], "run", sum, "--input", $"x={good}", "--input", $"x={good}");
        Fails(["nothing.npy"], "run", sum, "--input", good, "--input", "nothing.npy");
        Fails(["cut.npy"], "run", sum, "--input", good, "--input", demo.Write("cut.npy", File.ReadAllBytes(good)[..20]));
        Fails(["cut.pb"], "run", sum, "--input", good, "--input", demo.Write("cut.pb", File.ReadAllBytes(integers)[..^3]));
        Fails(["cut.png"], "run", sum, "--input", good, "--input", demo.Write("cut.png", "\u0089PNG"));
        Fails(["no label file", "names.txt"], "run", sum, "--input", good, "--input", good, "--labels", "names.txt");
        Fails(["names.txt", "is a file", "--save"], "run", sum, "--input", good, "--input", good, "--save", demo.Write("names.txt", "a\n"));
        Fails(["cannot be made", "--save"], "run", sum, "--input", good, "--input", good, "--save", Path.Combine(good, "below"));
        Fails(["is a folder", "i8rt eval"], "run", sum, "--input", folder, "--input", good);
        Fails(["no input 'z'", "x, y"], "run", sum, "--input", $"z={good}", "--input", good);
        Fails(["is a folder", "--labels"], "run", sum, "--input", good, "--input", good, "--labels", folder);
        Fails(["--top"], "run", sum, "--input", good, "--input", good, "--top", "0");
        Assert.Equal(ExitCode.Success, CommandLine.Run("run", sum, "--input", $"y={good}", "--input", $"x={good}").ExitCode);
    }

    [Fact]
    public void Data_sets_that_cannot_be_used_are_named()
    {
        string empty = demo.NewFolder();
        string plain = demo.NewFolder(), broken = demo.NewFolder();
        byte[] image = [.. "P6\n32 32\n255\n"u8, .. new byte[3072]];
        File.WriteAllBytes(Path.Combine(plain, "a.ppm"), image);
        File.WriteAllBytes(Path.Combine(broken, "a.ppm"), image);
        File.WriteAllBytes(Path.Combine(broken, "b.ppm"), image[..100]);
        File.WriteAllText(Path.Combine(broken, "labels.txt"), "a.ppm 1\nb.ppm 2\n");
        string output = Path.Combine(demo.NewFolder(), "out.onnx");
        string[] Eval(string data) => ["eval", demo.F32Model, "--data", data, .. Cifar];
        string[] Quantize(string data) => ["quantize", demo.F32Model, "-o", output, "--data", data, .. Cifar];

        Fails([empty, "no images"], Quantize(empty));
        Fails([empty], Eval(empty));
        Fails(["nowhere"], Quantize("nowhere"));
        Fails(["labels.txt", "class-index"], Eval(plain));
        Fails(["b.ppm"], Quantize(broken));
        Fails(["b.ppm"], Eval(broken));
        File.WriteAllText(Path.Combine(plain, "labels.txt"), "a.ppm 10\n");
        Fails(["a.ppm", "label 10", "10 classes"], Eval(plain));
        Fails(["a.ppm", "label 11", "label offset"], [.. Eval(plain), "--label-offset", "1"]);
        File.WriteAllText(Path.Combine(plain, "labels.txt"), "a.ppm cat\n");
        Fails(["labels.txt:1", "a.ppm cat"], Eval(plain));
        Fails(["heldout.bin", "28x28", "32x32", "--crop"], [.. Eval(demo.HeldOut), "--crop", "28"]);
        Fails(["classes.txt:1", "class-index"], Eval(demo.Classes));
        Fails(["CIFAR-10"], Eval(demo.F32Model));
        Assert.False(File.Exists(output));
    }

    [Fact]
    public void Outputs_that_cannot_be_written_are_refused_before_the_work()
    {
        string folder = demo.NewFolder();
        string model = Path.Combine(folder, "model.onnx");
        File.Copy(demo.F32Model, model);
        foreach (string[] command in (string[][])[["quantize", model, "--data", demo.Calibration, .. Cifar], ["randomize", model]])
        {
            Fails(["nowhere", "no folder"], [.. command, "-o", Path.Combine(folder, "nowhere", "out.onnx")]);
            Fails(["no folder"], [.. command, "-o", Path.Combine(model, "out.onnx")]);
            Fails(["is a folder"], [.. command, "-o", folder]);
            Fails(["would replace the input"], [.. command, "-o", Path.Combine(folder, ".", "model.onnx")]);
        }

        Fails(["is a file"], "demo", "-o", model);
        Assert.Equal([model], Directory.GetFileSystemEntries(folder));
        string data = Path.Combine(folder, "data.bin");
        File.WriteAllText(data, "samples");
        Fails(["data.bin", "no .xml file", "-o"], "convert", model, "-o", Path.Combine(folder, "data.xml"));
        Assert.Equal("samples", File.ReadAllText(data));
        Assert.Equal(File.ReadAllBytes(demo.F32Model), File.ReadAllBytes(model));
    }

    [Fact]
    public async Task An_output_stream_that_takes_nothing_ends_the_command_with_one_line()
    {
        foreach (string[] command in (string[][])[["info"], ["info", "--json"], ["bench", "nowhere.onnx", "--json"]])
        {
            using var output = new StreamWriter(new FullStream()) { AutoFlush = true };
            using var error = new StringWriter();
            int code = await Program.RunAsync(command, new System.CommandLine.InvocationConfiguration { Output = output, Error = error });
            Assert.Equal(ExitCode.BadInput, code);
            Assert.Contains(command[0] == "info" ? "standard output cannot be written (full)" : "nowhere.onnx",
                Assert.Single(error.ToString().TrimEnd().Split('\n')), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Messages_name_files_as_the_user_does() => Assert.Equal(
        "No space left on device: '/out/net.onnx'; again",
        CommandRunner.OneLine("No space left on device : '/out/net.onnx.0123456789abcdef0123456789abcdef.tmp'\nagain"));

    private sealed class FullStream : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count) => throw new IOException("full");

        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("full");
    }

    [Fact]
    public void Option_values_that_make_no_sense_are_refused()
    {
        string output = Path.Combine(demo.NewFolder(), "out.onnx");
        string[] quantize = ["quantize", demo.F32Model, "-o", output, "--data", demo.Calibration, .. Cifar];
        Fails(["--threads"], "info", "--threads", "0");
        Assert.Contains("one for each processor", CommandLine.Run("info", "--threads", "100000").Error, StringComparison.Ordinal);
        Fails(["--isa", "foo", "avx2"], "info", "--isa", "foo");
        Fails(["--preset", "foo", "performance"], [.. quantize, "--preset", "foo"]);
        Fails(["--samples"], [.. quantize, "--samples", "0"]);
        Fails(["nobody"], [.. quantize, "--ignore", "nobody"]);
        Fails(["--resize", "abc"], [.. quantize, "--resize", "abc"]);
        Fails(["--mean"], [.. quantize, "--mean", "1,2"]);
        Fails(["preset 'foo'", "imagenet"], "eval", demo.F32Model, "--data", demo.HeldOut, "--preprocess", "foo");
        Fails(["--samples"], "eval", demo.F32Model, "--data", demo.HeldOut, "--samples", "0");
        Fails(["no output 'foo'", "logits"], "eval", demo.F32Model, "--data", demo.HeldOut, "--preprocess", "cifar10",
            "--output-name", "foo");
        Fails(["--seconds"], "bench", demo.F32Model, "--seconds", "0");
        Fails(["--batch"], "bench", demo.F32Model, "--batch", "0");
        Fails(["--batch 1000000 is too large", "elements", "fits"], "bench", demo.F32Model, "--batch", "1000000");
        Fails(["--seconds"], "demo", "--seconds", "NaN");
        Fails(["'foo'", "demo-f32.onnx"], "explain", demo.F32Model, "--layer", "foo");
        Fails(["no test case"], "verify", demo.NewFolder());
        Fails(["no folder 'nowhere'"], "verify", "nowhere");
        Fails(["argument 'frob'", "'i8rt --help'"], "frob", "--layers");
        Fails(["MODEL is missing", "'i8rt bench --help'"], "bench");
        Assert.False(File.Exists(output));
    }

    [Fact]
    public void Models_that_cannot_be_quantized_say_why()
    {
        string output = Path.Combine(demo.NewFolder(), "out.onnx");
        Fails(["quantized already", "f32 model"], ["quantize", demo.Int8Model, "-o", output, "--data", demo.Calibration, .. Cifar]);
        Fails(["no convolution"], "quantize", demo.Write("relu.onnx", Models.Bytes(Models.Relu())), "-o", output, "--data", "synthetic");
        Fails(["no convolution"], "quantize", demo.Write("sum.onnx", Models.Bytes(Models.Sum())), "-o", output, "--data", "synthetic");
        Fails(["no finite value", "bad", "preprocessing"],
            ["quantize", demo.Write("nan.onnx", Models.Bytes(NotFinite())), "-o", output, "--data", "synthetic"]);
        Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(output)!));
    }

    [Fact]
    public void Cancellation_leaves_nothing_behind()
    {
        string folder = demo.NewFolder(), output = Path.Combine(folder, "out.onnx");
        using var source = new CancellationTokenSource();
        source.Cancel();
        foreach (string[] command in (string[][])[
            ["quantize", demo.F32Model, "-o", output, "--data", demo.Calibration, .. Cifar],
            ["eval", demo.F32Model, "--data", demo.HeldOut, .. Cifar],
            ["bench", demo.F32Model], ["demo", "-o", folder]])
        {
            CommandResult result = CommandLine.Run(source.Token, [.. command, "--json"]);
            Assert.Equal(ExitCode.Cancelled, result.ExitCode);
            Assert.Contains("cancelled", (string)result.Json["error"]!, StringComparison.Ordinal);
        }

        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    private static void Fails(string[] expected, params string[] arguments)
    {
        CommandResult result = CommandLine.Run([.. arguments, "--json"]);
        string call = string.Join(' ', arguments);
        Assert.True(result.ExitCode == ExitCode.BadInput, $"{call}: {result.ExitCode}: {result.Error}");
        string line = Assert.Single(result.Error.TrimEnd().Split('\n'));
        Assert.StartsWith("error: ", line, StringComparison.Ordinal);
        Assert.Equal(line["error: ".Length..].TrimEnd(), (string)result.Json["error"]!);
        foreach (string text in expected)
            Assert.True(line.Contains(text, StringComparison.Ordinal), $"{call}: '{text}' is missing in '{line}'");
    }

    private static Graph.ModelGraph GraphWithWeights()
    {
        var graph = new Graph.ModelGraph("weights");
        Graph.GraphValue x = graph.AddInput("x", DataType.Float32, Graph.GraphShape.Of([1, 2, 6, 6]));
        Graph.GraphValue weights = graph.AddConstant("w",
            Graph.TensorData.Create<float>([.. Enumerable.Range(0, 36).Select(i => i / 36f)], [2, 2, 3, 3]));
        Graph.GraphValue y = graph.AddOperation("Conv", "y", [x, weights],
            new Graph.GraphAttributes { { "strides", new long[] { 2, 2 } }, { "pads", new long[] { 1, 1, 1, 1 } } });
        y = graph.AddOperation("MaxPool", "p", [y], new Graph.GraphAttributes { { "kernel_shape", new long[] { 2, 2 } } });
        y = graph.AddOperation("Softmax", "s", [graph.AddOperation("Flatten", "f", [y])]);
        y.ElementType = DataType.Float32;
        y.Shape = Graph.GraphShape.Of([1, 8]);
        graph.AddOutput(y);
        return graph;
    }

    // A logarithm of the most negative number leads to a layer with weights.
    private static Graph.ModelGraph NotFinite()
    {
        var graph = new Graph.ModelGraph("nan");
        Graph.GraphValue x = graph.AddInput("x", DataType.Float32, Graph.GraphShape.Of([1, 3]));
        Graph.GraphValue bad = graph.AddOperation("Sqrt", "bad",
            [graph.AddOperation("Sub", "negative",
                [graph.AddOperation("Abs", "abs", [x]), graph.AddConstant("big", Graph.TensorData.Scalar(1e9f))])]);
        Graph.GraphValue y =
            graph.AddOperation("MatMul", "y", [bad, graph.AddConstant("w", Graph.TensorData.Create<float>([1, 2, 3], [3, 1]))]);
        y.ElementType = DataType.Float32;
        y.Shape = Graph.GraphShape.Of([1, 1]);
        graph.AddOutput(y);
        return graph;
    }
}
