// What is wrong with arguments and files ends a command with one line, before anything is measured.
using Int8Runtime.Benchmarks.Commands;

namespace Int8Runtime.Benchmarks.Tests;

public sealed class CommandLineTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("benchmarks-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Files_and_arguments_that_cannot_be_used_are_named_in_one_line()
    {
        string shapes = Directory.CreateDirectory(Path.Combine(_folder, "conv")).FullName;
        string malformed = Write("conv/malformed", "ic16ih8oc16oh8kh3ph1n\"good\"\nic64ihXXoc3\n"),
            large = Write("conv/large", "mb99999999999999ic1ih1oc1"), noise = Write("conv/noise", "\u0001\u0002\u0003 \u0004"),
            good = Write("conv/good", "ic16ih8oc16oh8kh3ph1");
        Fails("onednn: no kind of problem", ["ic64ihXXoc3", malformed, "conv, ip, matmul"], "onednn", malformed);
        Fails("number", ["2147483647"], "onednn", large);
        Fails("noise", ["no file of problems"], "onednn", noise);
        Fails("second file", [malformed], "onednn", good, malformed, "--seconds", "100");
        Fails("folder", ["is a folder"], "onednn", shapes);
        Fails("missing", ["no shape file 'nowhere'"], "onednn", "nowhere");
        Fails("types", ["u9"], "onednn", good, "--dt", "u9:s8:u8");
        Fails("types", ["one type, or three"], "onednn", good, "--dt", "u8:s8");
        Fails("batch", ["--mb"], "onednn", good, "--mb", "-1");
        Fails("missing", ["no model file 'nowhere.onnx'"], "ort", "nowhere.onnx");
        Fails("folder", ["is a folder"], "ort", _folder);
        Fails("data", [Path.Combine(_folder, "data", "onnx"), "--data"], "all", "--data", _folder, "-o", Path.Combine(_folder, "tables"));
        Fails("output", ["is a file"], "all", "--data", _folder, "-o", good);
        Fails("command", ["frobnicate", "--help"], "frobnicate");
        Assert.False(Directory.Exists(Path.Combine(_folder, "tables")));
    }

    private string Write(string name, string content)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, content);
        return path;
    }

    private static void Fails(string what, string[] expected, params string[] arguments)
    {
        using var error = new StringWriter();
        Assert.True(BenchmarkCommands.Run(arguments, error) == BenchmarkCommands.BadInput, what);
        string line = Assert.Single(error.ToString().TrimEnd().Split('\n'));
        Assert.StartsWith("error: ", line, StringComparison.Ordinal);
        Assert.All(expected, text => Assert.Contains(text, line, StringComparison.Ordinal));
    }
}
