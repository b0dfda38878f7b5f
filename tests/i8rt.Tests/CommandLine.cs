// Runs the command line in this process, with output and errors caught.
using System.CommandLine;
using System.Text.Json.Nodes;

namespace Int8Runtime.Cli.Tests;

/// <summary>What a command printed and returned.</summary>
internal sealed record CommandResult(int ExitCode, string Output, string Error)
{
    /// <summary>The only JSON object on standard output.</summary>
    public JsonObject Json => JsonNode.Parse(Output)!.AsObject();
}

/// <summary>The command line under test.</summary>
internal static class CommandLine
{
    public static CommandResult Run(params string[] arguments) => Run(CancellationToken.None, arguments);

    public static CommandResult Run(CancellationToken cancellation, params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        int code = Program.RunAsync(arguments, new InvocationConfiguration { Output = output, Error = error }, cancellation)
            .GetAwaiter().GetResult();
        return new CommandResult(code, output.ToString(), error.ToString());
    }

    /// <summary>Runs a command that succeeds, with <c>--json</c>, and returns the object.</summary>
    public static JsonObject Json(params string[] arguments)
    {
        CommandResult result = Run([.. arguments, "--json"]);
        Assert.True(result.ExitCode == ExitCode.Success, $"{string.Join(' ', arguments)}: {result.ExitCode}\n{result.Error}");
        return result.Json;
    }
}
