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

    public static void AddTo(Command command)
    {
        command.Options.Add(Threads);
        command.Options.Add(Seconds);
        command.Options.Add(Json);
        command.Options.Add(File);
    }

    /// <summary>Writes tables where the options ask for them.</summary>
    public static void Write(ParseResult parse, IReadOnlyList<ResultTable> tables)
    {
        string markdown = string.Concat(tables.Select(t => t.ToMarkdown()));
        Console.Write(parse.GetValue(Json) ? new JsonArray([.. tables.Select(t => t.ToJson())]).ToString() + "\n" : markdown);
        if (parse.GetValue(File) is { } path)
            System.IO.File.WriteAllText(path, markdown);
    }
}
