// Runs a command; what is wrong with arguments and files becomes one line and an exit code.
using System.CommandLine;
using System.CommandLine.Invocation;
using Int8Runtime.Graph;

namespace Int8Runtime.Benchmarks.Commands;

/// <summary>An argument or file that cannot be used; the message names it.</summary>
internal sealed class BadInputException(string message) : Exception(message);

/// <summary>The commands and what becomes of their failures.</summary>
internal static class BenchmarkCommands
{
    /// <summary>The sides computed different results.</summary>
    public const int Mismatch = 1;

    /// <summary>Arguments or files are wrong.</summary>
    public const int BadInput = 2;

    /// <summary>Runs a command line and returns the exit code.</summary>
    public static int Run(string[] arguments, TextWriter error)
    {
        var root = new RootCommand(
            "Benchmarks of Int8Runtime.\n\nExit codes: 0 success, 1 the sides computed different results, 2 wrong arguments or files.")
        {
            BdnCommand.Create(),
            OneDnnCommand.Create(),
            OrtCommand.Create(),
            AllCommand.Create(),
        };
        ParseResult parse = root.Parse(arguments);
        if (parse.Action is ParseErrorAction)
        {
            string name = parse.CommandResult.Command is RootCommand ? "" : parse.CommandResult.Command.Name + " ";
            error.WriteLine($"error: {string.Join("; ", parse.Errors.Select(e => OneLine(e.Message).TrimEnd('.')))}; see '{name}--help'");
            return BadInput;
        }

        try
        {
            return parse.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception exception) when (exception is BadInputException or ModelFormatException or FormatException or IOException
            or UnauthorizedAccessException or ArgumentException)
        {
            error.WriteLine($"error: {OneLine(exception.Message)}");
            return BadInput;
        }
    }

    /// <summary>
    /// Runs work on a thread of its own, because a pinned thread stays pinned; failures are those of the caller.
    /// </summary>
    public static void RunApart(Action work)
    {
        System.Runtime.ExceptionServices.ExceptionDispatchInfo? failure = null;
        var worker = new Thread(() =>
        {
            try
            {
                work();
            }
            catch (Exception exception)
            {
                failure = System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(exception);
            }
        });
        worker.Start();
        worker.Join();
        failure?.Throw();
    }

    private static string OneLine(string message) => message.ReplaceLineEndings(" ");
}
