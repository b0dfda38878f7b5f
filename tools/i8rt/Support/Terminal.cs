// Where a command writes: tables and progress for people, one JSON object for scripts.
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Int8Runtime.Cli;

/// <summary>
/// Results go to standard output, progress and errors to standard error. With <c>--json</c> standard output holds one JSON
/// object and nothing else.
/// </summary>
internal sealed class Terminal : IDisposable
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly IAnsiConsole _errors = AnsiConsole.Create(
        new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    public Terminal(bool json)
    {
        IsJson = json;
        Output = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(json ? TextWriter.Null : Console.Out) });
        if (Console.IsOutputRedirected)
            Output.Profile.Width = 200;
    }

    /// <summary>True if the result is to be one JSON object.</summary>
    public bool IsJson { get; }

    /// <summary>Where tables and texts go; nowhere with <c>--json</c>.</summary>
    public IAnsiConsole Output { get; }

    /// <summary>Prints one line for people.</summary>
    public void Line(string text = "") => Output.WriteLine(text);

    /// <summary>Prints a table for people.</summary>
    public void Table(string title, IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        if (IsJson)
            return;
        var table = new Table { Border = TableBorder.Simple, Title = title.Length > 0 ? new TableTitle(Markup.Escape(title)) : null };
        foreach (string column in columns)
            table.AddColumn(new TableColumn(Markup.Escape(column.TrimStart('>'))) { Alignment = column.StartsWith('>') ? Justify.Right : Justify.Left });
        foreach (IReadOnlyList<string> row in rows)
            table.AddRow([.. row.Select(cell => new Text(cell))]);
        Output.Write(table);
    }

    /// <summary>Prints the JSON result; does nothing without <c>--json</c>.</summary>
    public void Json(JsonObject result)
    {
        if (IsJson)
            Console.Out.WriteLine(result.ToJsonString(Indented));
    }

    /// <summary>Reports a failure.</summary>
    public void Error(string message)
    {
        if (IsJson)
            Console.Out.WriteLine(new JsonObject { ["error"] = message }.ToJsonString(Indented));
        Console.Error.WriteLine("error: " + message);
    }

    /// <summary>Remarks that are neither result nor failure.</summary>
    public void Warning(string message) => Console.Error.WriteLine("warning: " + message);

    /// <summary>Runs work under a progress bar, which is drawn only on a real terminal.</summary>
    /// <param name="description">What is being done.</param>
    /// <param name="work">The work; it reports the share done as (done, total).</param>
    public T Progress<T>(string description, Func<IProgress<(int Done, int Total)>, T> work)
    {
        if (Console.IsErrorRedirected)
            return work(new ProgressSink(_ => { }));
        T result = default!;
        _errors.Progress().AutoClear(true).Columns(
            new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()).Start(context =>
        {
            ProgressTask task = context.AddTask(Markup.Escape(description));
            result = work(new ProgressSink(p =>
            {
                task.MaxValue = p.Total;
                task.Value = Math.Max(task.Value, p.Done);
            }));
        });
        return result;
    }

    public void Dispose()
    {
        Console.Out.Flush();
        Console.Error.Flush();
    }

    // Progress<T> would post to a synchronisation context and report late.
    private sealed class ProgressSink(Action<(int Done, int Total)> report) : IProgress<(int Done, int Total)>
    {
        public void Report((int Done, int Total) value) => report(value);
    }
}

/// <summary>Adapts progress reports of one kind to another.</summary>
internal sealed class ProgressAdapter<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
