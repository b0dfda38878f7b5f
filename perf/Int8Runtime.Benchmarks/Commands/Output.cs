// Options and output that the commands share.
using System.CommandLine;
using System.Text.Json.Nodes;

namespace Int8Runtime.Benchmarks.Commands;

internal static class Output
{
    public static readonly Option<int> Threads = new("--threads") { Description = "Threads of both sides.", DefaultValueFactory = _ => 1 };

    public static readonly Option<double> Seconds =
        new("--seconds") { Description = "Time for each side of a problem.", DefaultValueFactory = _ => 0.2 };

    private static readonly Option<bool> Json = new("--json") { Description = "Write JSON to the standard output instead of tables." };

    private static readonly Option<string?> File = new("-o", "--output") { Description = "Also write the tables to this Markdown file." };

    static Output()
    {
        // Before the measurements, not after hours of them.
        Threads.Validators.Add(r => Require(r, r.GetValueOrDefault<int>() >= 1, "--threads must be at least 1"));
        Seconds.Validators.Add(r => Require(r, r.GetValueOrDefault<double>() is > 0 and <= 3600, "--seconds must be between 0 and 3600"));
        File.Validators.Add(r => Require(r, r.GetValueOrDefault<string?>() is not { } path || IsWritable(path),
            "--output must name a file in a folder that exists"));
    }

    public static void AddTo(Command command)
    {
        command.Options.Add(Threads);
        command.Options.Add(Seconds);
        command.Options.Add(Json);
        command.Options.Add(File);
    }

    /// <summary>Adds an error to an option that does not meet its condition.</summary>
    public static void Require(System.CommandLine.Parsing.OptionResult result, bool condition, string message)
    {
        if (!condition)
            result.AddError(message);
    }

    /// <summary>Adds what is wrong with the text of an option.</summary>
    public static void Check(System.CommandLine.Parsing.OptionResult result, Action parse, string name)
    {
        try
        {
            parse();
        }
        catch (FormatException exception)
        {
            result.AddError($"{name}: {exception.Message}");
        }
    }

    /// <summary>Writes tables where the options ask for them.</summary>
    /// <returns>The exit code: 1 if the sides computed different results.</returns>
    public static int Write(ParseResult parse, IReadOnlyList<ResultTable> tables)
    {
        string markdown = string.Concat(tables.Select(t => t.ToMarkdown()));
        Console.Write(parse.GetValue(Json) ? new JsonArray([.. tables.Select(t => t.ToJson())]).ToString() + "\n" : markdown);
        if (parse.GetValue(File) is { } path)
            System.IO.File.WriteAllText(path, markdown);
        return ExitCodeOf(tables);
    }

    /// <summary>1 if the sides computed different results, else 0.</summary>
    public static int ExitCodeOf(IEnumerable<ResultTable> tables) => tables.Any(t => t.Mismatches.Count > 0) ? BenchmarkCommands.Mismatch : 0;

    private static bool IsWritable(string path) =>
        !Directory.Exists(path) && Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(path)));
}
