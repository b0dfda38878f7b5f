// Arguments that do not parse: one line that names the argument, and where help is.
using System.CommandLine;
using System.CommandLine.Parsing;

namespace Int8Runtime.Cli;

/// <summary>Reports what the command-line parser refused.</summary>
internal static class UsageErrors
{
    /// <summary>Prints the errors of a parse and returns <see cref="ExitCode.BadInput"/>.</summary>
    public static int Report(ParseResult parse, InvocationConfiguration configuration)
    {
        using var terminal = new Terminal(
            parse.Tokens.Any(t => t.Value == EngineOptions.Json.Name), configuration.Output, configuration.Error);
        Command command = parse.CommandResult.Command;
        string help = command is RootCommand ? "i8rt --help" : $"i8rt {command.Name} --help";
        string[] messages = [.. parse.Errors.Select(e => e.SymbolResult is ArgumentResult { Tokens.Count: 0 } missing
            ? $"{missing.Argument.Name} is missing" : Readable(e.Message)).Distinct()];

        // A mistyped command is also a missing one, and makes everything behind it unknown; it alone is what the user can mend.
        if (command is RootCommand && parse.UnmatchedTokens.FirstOrDefault() is { } unknown && messages.Length > 1)
            messages = [$"Unrecognized command or argument '{unknown}'"];
        string problems = string.Join("; ", messages);
        terminal.Error($"{problems}; see '{help}'");
        return ExitCode.BadInput;
    }

    // The parser speaks of .NET types and ends its sentences.
    private static string Readable(string message)
    {
        string text = message.TrimEnd('.', ' ').ReplaceLineEndings(" ")
            .Replace("as expected type 'System.Double'", "as a number", StringComparison.Ordinal);
        foreach (string type in (string[])["System.Int32", "System.Nullable`1[System.Int32]"])
            text = text.Replace($"as expected type '{type}'", "as a whole number", StringComparison.Ordinal);
        return text;
    }
}
