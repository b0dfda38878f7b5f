// The program as a process of its own: exit codes, streams, and Ctrl+C.
using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Int8Runtime.Cli.Tests;

[Collection("demo")]
public sealed class ProcessTests(DemoFiles demo)
{
    [Fact]
    public void Exit_codes_and_streams_reach_the_shell()
    {
        (int code, string output, string error) = Run("info", "--json");
        Assert.Equal((0, ""), (code, error));
        Assert.NotNull(JsonNode.Parse(output)!["cpu"]);
        (code, output, error) = Run("bench", "nowhere.onnx");
        Assert.Equal((ExitCode.BadInput, ""), (code, output));
        Assert.Equal("error: there is no model file 'nowhere.onnx'", error.TrimEnd());
        Assert.Equal(ExitCode.BadInput, Run("--frobnicate").Code);
    }

    [Fact]
    public async Task Interruption_ends_long_work_without_a_trace()
    {
        if (OperatingSystem.IsWindows())
            return;   // there is no signal to send to a single process
        string folder = demo.NewFolder(), output = Path.Combine(folder, "out.onnx");
        using Process process =
            Start("quantize", demo.F32Model, "-o", output, "--data", "synthetic", "--samples", "100000000", "--threads", "1");
        Assert.True(
            SpinWait.SpinUntil(() => process.HasExited || process.TotalProcessorTime > TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(120)),
            "the program does not work");
        Assert.False(process.HasExited, "the work ended too soon");

        // Not SIGINT: programs that a shell starts in the background inherit that it is ignored.
        using (Process kill = Process.Start("kill", ["-TERM", process.Id.ToString()]))
            kill.WaitForExit();
        Task<string> error = process.StandardError.ReadToEndAsync();
        bool ended = process.WaitForExit(20_000);
        if (!ended)
            process.Kill();
        Assert.True(ended, "the program does not react");
        Assert.Contains("cancelled", await error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Cancelled, process.ExitCode);
        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    private static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.GetAwaiter().GetResult());
    }

    private static Process Start(params string[] arguments) => Process.Start(
        new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, .. arguments]) { RedirectStandardOutput = true,
            RedirectStandardError = true })!;
}
