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
    public async Task Measured_tiles_that_do_not_exist_yet_are_told_of()
    {
        string missing = Path.Combine(demo.NewFolder(), "tiles.txt");
        using Process process = Start([("INT8RT_TUNING", missing)], "info", "--json");
        Task<string> error = process.StandardError.ReadToEndAsync();
        string told = (string)JsonNode.Parse(await process.StandardOutput.ReadToEndAsync())!["measured_tiles"]!;
        await process.WaitForExitAsync();
        Assert.Equal(ExitCode.Success, process.ExitCode);
        Assert.Contains($"there is no file '{missing}' yet", told, StringComparison.Ordinal);
        Assert.StartsWith("warning: INT8RT_TUNING: there is no file", await error, StringComparison.Ordinal);
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

    [Theory]
    [InlineData("basic")]
    [InlineData("mse")]
    [InlineData("bayesian")]
    [InlineData("exhaustive")]
    [InlineData("random")]
    public void L05_a_killed_tuning_resumes_and_neither_loses_nor_repeats_a_trial(string strategy)
    {
        string folder = demo.NewFolder(), configuration = Path.Combine(folder, "tune.yaml"), history = Path.Combine(folder, "trials.jsonl");
        void Configure(int trials) => File.WriteAllText(configuration, $$"""
            model: {name: demo, path: "{{demo.F32Model}}"}
            data: {calibration: "{{demo.Calibration}}", evaluation: "{{demo.HeldOut}}", preprocess: cifar10, evaluation_samples: 16}
            calibration: {sampling_size: [2, 3]}
            tuning: {strategy: {{strategy}}, accuracy_criterion: {absolute: 1}, timeout: 600, max_trials: {{trials}}, history: trials.jsonl}
            """);
        string[] Finished()
        {
            if (!File.Exists(history))
                return [];
            using var file = new StreamReader(new FileStream(history, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            return file.ReadToEnd().Split('\n')[..^1];   // what has no end of line is not finished
        }

        Configure(trials: 1000);
        using (Process process = Start("tune", configuration, "--threads", "1"))
        {
            bool worked = SpinWait.SpinUntil(() => process.HasExited || Finished().Length > 3, TimeSpan.FromSeconds(120));
            Assert.True(worked && !process.HasExited, "the tuning does not work, or ended too soon");
            process.Kill();   // SIGKILL: nothing can be cleaned up
            process.WaitForExit();
        }

        string[] before = Finished();
        int done = before.Length - 1;   // the first line says what is tuned
        Configure(trials: done + 2);
        CommandResult resumed = CommandLine.Run("tune", configuration, "--threads", "1");
        Assert.Equal(ExitCode.Success, resumed.ExitCode);
        Assert.Contains($"continuing after {done} trials", resumed.Output, StringComparison.Ordinal);
        string[] after = Finished();
        Assert.Equal(before, after[..before.Length]);
        Assert.Equal(done + 2, after.Length - 1);
        string[] tried = [.. after.Skip(1).Select(l => JsonNode.Parse(l)!).Select(t => $"{t["settings"]} {t["f32_layers"]}")];
        Assert.Equal(tried.Distinct(), tried);
    }

    private static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.GetAwaiter().GetResult());
    }

    private static Process Start(params string[] arguments) => Start([], arguments);

    private static Process Start((string Name, string Value)[] variables, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in variables)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
