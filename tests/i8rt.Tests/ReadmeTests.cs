// The samples of README.md, compiled and run; and its command lines, parsed. A statement that is in the README but not
// here, or the other way round, fails the test.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using System.Text.RegularExpressions;

namespace Int8Runtime.Cli.Tests;

public sealed partial class ReadmeTests
{
    [Fact]
    public void The_model_sample_runs()
    {
        const string File = "resnet50-int8.onnx";
        var pixels = new float[12];
        pixels.AsSpan().Fill(-1);
        pixels[3] = 7;
        System.IO.File.WriteAllBytes(File, Models.Bytes(Model()));
        try
        {
            // README
            using var engine = CpuEngine.Create();
            using var model = engine.Compile(OnnxModel.Load("resnet50-int8.onnx"));
            using var request = model.CreateRequest();
            pixels.CopyTo(request.Input("data").AsSpan<float>());
            request.Run();
            ReadOnlySpan<float> scores = request.Output("prob").AsSpan<float>();
            // end
            Assert.Equal(12, scores.Length);
            Assert.Equal(7, scores[3]);
            Assert.Equal(0, scores[4]);
        }
        finally
        {
            System.IO.File.Delete(File);
        }
    }

    [Fact]
    public void The_primitive_sample_prints_what_it_says()
    {
        // README
        using var engine = CpuEngine.Create();
        using var stream = engine.CreateStream();
        var layout = new MemoryDescriptor([1, 1, 2, 2], DataType.Float32, FormatTag.Nchw);
        using var memory = TensorMemory.From<float>(layout, [-1, 2, -3, 4]);
        using var relu = engine.Create(new EltwiseDescriptor { Algorithm = EltwiseAlgorithm.Relu, Source = layout, Destination = layout });
        relu.Execute(stream, new UnaryArguments(memory, memory));
        // end
        Assert.Equal([0, 2, 0, 4], memory.AsSpan<float>().ToArray());
        Assert.Contains("in place: 0 2 0 4", System.IO.File.ReadAllText(Documents.Path("README.md")), StringComparison.Ordinal);
    }

    [Fact]
    public void The_samples_here_are_those_of_the_README()
    {
        string[] readme = [.. Documents.Blocks(System.IO.File.ReadAllText(Documents.Path("README.md")), "```csharp\n", "```")];
        string[] here = [.. Documents.Blocks(System.IO.File.ReadAllText(Documents.Path("tests/i8rt.Tests/ReadmeTests.cs")),
            "// README" + "\n", "// end" + "\n")];
        Assert.NotEmpty(readme);
        Assert.Equal(readme.Select(Documents.Statements), here.Select(Documents.Statements));
    }

    [Fact]
    public void The_command_lines_of_documents_and_help_parse()
    {
        string[] texts =
        [
            System.IO.File.ReadAllText(Documents.Path("README.md")),
            System.IO.File.ReadAllText(Documents.Path("docs/cli.md")),
            System.IO.File.ReadAllText(Documents.Path("docs/quantization.md")),
            .. Program.CreateRoot().Subcommands.Select(c => c.Description!), Program.CreateRoot().Description!,
        ];
        string[] lines = [.. texts.SelectMany(t => t.Split('\n')).Select(l => l.Trim())
            .Where(l => l.StartsWith("i8rt ", StringComparison.Ordinal))];
        Assert.True(lines.Length >= 30, $"only {lines.Length} command lines");
        foreach (string line in lines)
        {
            string[] words = Remark().Replace(line, "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Assert.True(Program.CreateRoot().Parse(words[1..]).Errors.Count == 0, line);
        }
    }

    // Identity for what is not negative.
    private static ModelGraph Model()
    {
        var graph = new ModelGraph("sample");
        GraphValue output = graph.AddOperation("Relu", "prob", [graph.AddInput("data", DataType.Float32, GraphShape.Of([1, 3, 2, 2]))]);
        output.ElementType = DataType.Float32;
        output.Shape = GraphShape.Of([1, 3, 2, 2]);
        graph.AddOutput(output);
        return graph;
    }

    [GeneratedRegex(@"\s{2,}\(.*\)$")]
    private static partial Regex Remark();
}
