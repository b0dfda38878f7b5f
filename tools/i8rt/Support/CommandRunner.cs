// Runs the body of a command and turns failures into one clear line and an exit code.
using System.CommandLine;
using Int8Runtime.Graph;
using Int8Runtime.Quantization;
using Spectre.Console;

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
internal static class CommandRunner
{
    /// <summary>Lets a command run <paramref name="body"/>, which returns the exit code.</summary>
    public static void SetBody(this Command command, Func<ParseResult, Terminal, CancellationToken, int> body)
    {
        command.Options.Add(EngineOptions.Json);
        command.SetAction((parse, cancellation) =>
        {
            using var terminal = new Terminal(parse.GetValue(EngineOptions.Json));
            return Task.FromResult(Run(terminal, () => body(parse, terminal, cancellation)));
        });
    }

    /// <summary>Runs a body and reports its failure.</summary>
    internal static int Run(Terminal terminal, Func<int> body)
    {
        try
        {
            return body();
        }
        catch (OperationCanceledException)
        {
            terminal.Error("cancelled; nothing was written");
            return ExitCode.Cancelled;
        }
        catch (Exception exception) when (IsInputError(exception))
        {
            terminal.Error(exception.Message);
            return ExitCode.BadInput;
        }
        catch (Exception exception)
        {
            terminal.Error($"internal error, please report it: {exception}");
            return ExitCode.InternalError;
        }
    }

    private static bool IsInputError(Exception exception) => exception
        is UsageException or ModelFormatException or ModelCompilationException or DataFileException or QuantizationException
        or UnsupportedPrimitiveException or FormatException or IOException or UnauthorizedAccessException;
}
