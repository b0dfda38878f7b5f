// Help and usage errors.
namespace Int8Runtime.Cli.Tests;

public sealed class HelpTests
{
    public static TheoryData<string> Commands =>
        [.. Program.CreateRoot().Subcommands.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Commands))]
    public void Every_command_has_help_with_examples(string command)
    {
        CommandResult result = CommandLine.Run(command, "--help");
        Assert.Equal(ExitCode.Success, result.ExitCode);
        Assert.Contains("Example", result.Output, StringComparison.Ordinal);
        Assert.Contains($"i8rt {command}", result.Output, StringComparison.Ordinal);
        Assert.Contains("--json", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_commands_are_those_of_the_documentation() =>
        Assert.Equal(["demo", "quantize", "tune", "prune", "optimize", "eval", "run", "bench", "explain", "verify", "randomize",
            "zoo", "convert", "inspect", "info"], Program.CreateRoot().Subcommands.Select(c => c.Name));

    [Fact]
    public void The_root_shows_examples_and_exit_codes()
    {
        CommandResult result = CommandLine.Run("--help");
        Assert.Equal(ExitCode.Success, result.ExitCode);
        Assert.Contains("i8rt quantize", result.Output, StringComparison.Ordinal);
        Assert.Contains("Exit codes", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--frobnicate", "bench", "x.onnx", "--frobnicate")]
    [InlineData("frobnicate", "frobnicate")]
    [InlineData("command", "--json")]
    [InlineData("--output", "quantize", "x.onnx", "--data", "y")]
    [InlineData("as a number", "bench", "x.onnx", "--seconds", "soon")]
    [InlineData("as a whole number", "eval", "x.onnx", "--data", "y", "--samples", "many")]
    [InlineData("as a whole number", "info", "--threads", "few")]
    public void Arguments_that_do_not_parse_are_one_line_with_exit_code_2(string expected, params string[] arguments)
    {
        CommandResult result = CommandLine.Run(arguments);
        Assert.Equal(ExitCode.BadInput, result.ExitCode);
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Contains("--help'", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Usage_errors_are_JSON_as_well()
    {
        CommandResult result = CommandLine.Run("bench", "--json", "--frobnicate");
        Assert.Equal(ExitCode.BadInput, result.ExitCode);
        Assert.Contains("--frobnicate", (string)result.Json["error"]!, StringComparison.Ordinal);
    }
}
