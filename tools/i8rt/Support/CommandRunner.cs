// Runs the body of a command and turns failures into one clear line and an exit code.
using System.CommandLine;
using System.Text.RegularExpressions;
using Int8Runtime.Graph;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli;

/// <summary>What the process returns.</summary>
internal static class ExitCode
{
    /// <summary>Everything worked.</summary>
    public const int Success = 0;

    /// <summary>The command worked and its check failed.</summary>
    public const int CheckFailed = 1;

    /// <summary>Arguments or input files are wrong.</summary>
    public const int BadInput = 2;

    /// <summary>The user cancelled.</summary>
    public const int Cancelled = 3;

    /// <summary>A defect of the program.</summary>
    public const int InternalError = 70;
}

/// <summary>An argument that cannot be used; the message names it and the remedy.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>Connects commands to their bodies.</summary>
internal static partial class CommandRunner
{
    private const int ListedFailures = 8;

    /// <summary>Lets a command run <paramref name="body"/>, which returns the exit code.</summary>
    public static void SetBody(this Command command, Func<ParseResult, Terminal, CancellationToken, int> body)
    {
        command.Options.Add(EngineOptions.Json);

        // On a thread of its own, so that the caller can watch for Ctrl+C while the body works.
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            InvocationConfiguration configuration = parse.InvocationConfiguration;
            using var terminal = new Terminal(parse.GetValue(EngineOptions.Json), configuration.Output, configuration.Error);
            return Run(terminal, ModelOf(parse), () => body(parse, terminal, cancellation));
        }));
    }

    private static int Run(Terminal terminal, string model, Func<int> body)
    {
        try
        {
            return body();
        }
        catch (OperationCanceledException)
        {
            terminal.Error($"cancelled; {terminal.Kept ?? "nothing was written"}");
            return ExitCode.Cancelled;
        }
        catch (ModelCompilationException exception)
        {
            terminal.Error(Describe(model, exception));
            return ExitCode.BadInput;
        }
        catch (OutOfMemoryException exception)
        {
            terminal.Error(exception is InsufficientMemoryException
                ? OneLine(exception.Message) : $"{model}: there is not enough memory; use a smaller batch or model");
            return ExitCode.BadInput;
        }
        catch (Exception exception) when (IsInputError(exception))
        {
            terminal.Error(OneLine(exception.Message));
            return ExitCode.BadInput;
        }
        catch (Exception exception)
        {
            terminal.Error($"internal error, please report it: {exception}");
            return ExitCode.InternalError;
        }
    }

    /// <summary>The failures of a compilation: on one line if there is one, otherwise as a short list.</summary>
    internal static string Describe(string model, ModelCompilationException exception)
    {
        const string Remedy = "export the model with other operators, or check it with another runtime";
        string[] reasons = [.. exception.Failures.Select(f => OneLine(f.ToString())).Distinct()];
        if (reasons.Length == 1)
            return $"{model}: {reasons[0].TrimEnd('.')}; {Remedy}";
        IEnumerable<string> listed = reasons.Take(ListedFailures).Select(r => "\n  " + r);
        string rest = reasons.Length > ListedFailures ? $"\n  and {reasons.Length - ListedFailures} more" : "";
        return $"{model}: {reasons.Length} nodes cannot be compiled; {Remedy}:{string.Concat(listed)}{rest}";
    }

    internal static string OneLine(string message) =>
        TemporaryName().Replace(
            string.Join("; ", message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)), ": '${name}'");

    // Files are written under another name, of which the user knows nothing, and then moved.
    [GeneratedRegex(@" ?: '(?<name>[^']*)\.[0-9a-f]{32}\.tmp'")]
    private static partial Regex TemporaryName();

    private static string ModelOf(ParseResult parse) =>
        parse.CommandResult.Command.Arguments.Any(a => a.Name == ModelFile.ArgumentName)
            ? parse.GetValue<string?>(ModelFile.ArgumentName) ?? ""
            : parse.CommandResult.Command.Name;

    private static bool IsInputError(Exception exception) => exception
        is UsageException or OutputException or ModelFormatException or DataFileException or QuantizationException
        or UnsupportedPrimitiveException or FormatException or IOException or UnauthorizedAccessException;
}
