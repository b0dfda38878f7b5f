// Where a command writes: tables and progress for people, one JSON object for scripts.
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Int8Runtime.Cli;

/// <summary>
/// Results go to the output stream, progress and errors to the error stream. With <c>--json</c> the output holds one JSON
/// object and nothing else.
/// </summary>
internal sealed class Terminal : IDisposable
{
    /// <summary>Columns of a table that goes to a file or another program.</summary>
    private const int RedirectedWidth = 200;

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly TextWriter _output;
    private readonly TextWriter _error;
    private readonly bool _showsProgress;

    /// <summary>Writes to the given streams; only the console's own get colours and progress bars.</summary>
    public Terminal(bool json, TextWriter output, TextWriter error)
    {
        IsJson = json;
        _output = output;
        _error = error;
        _showsProgress = ReferenceEquals(error, Console.Error) && !Console.IsErrorRedirected;
        bool redirected = !ReferenceEquals(output, Console.Out) || Console.IsOutputRedirected;
        Output = CreateConsole(json ? TextWriter.Null : output, json || redirected);
        if (redirected)
            Output.Profile.Width = RedirectedWidth;
    }

    /// <summary>True if the result is to be one JSON object.</summary>
    public bool IsJson { get; }

    /// <summary>Where tables and texts go; nowhere with <c>--json</c>.</summary>
    private IAnsiConsole Output { get; }

    /// <summary>Prints one line for people, whatever its length.</summary>
    public void Line(string text = "")
    {
        if (!IsJson)
            _output.WriteLine(text);
    }

    /// <summary>Prints a table for people. A column whose name starts with <c>&gt;</c> is aligned to the right.</summary>
    public void Table(string title, IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        if (IsJson)
            return;
        var table = new Table { Border = TableBorder.Simple };
        foreach (string column in columns)
        {
            table.AddColumn(new TableColumn(Markup.Escape(column.TrimStart('>')))
            {
                Alignment = column.StartsWith('>') ? Justify.Right : Justify.Left,
            });
        }

        if (columns.All(c => c.TrimStart('>').Length == 0))
            table.HideHeaders();
        foreach (IReadOnlyList<string> row in rows)
            table.AddRow([.. row.Select(cell => new Text(cell))]);
        if (table.Rows.Count == 0)
            return;
        if (title.Length > 0)
            Line(title);
        Output.Write(table);
    }

    /// <summary>Prints the JSON result; does nothing without <c>--json</c>.</summary>
    public void Json(JsonObject result)
    {
        if (IsJson)
            _output.WriteLine(result.ToJsonString(Indented));
    }

    /// <summary>Reports a failure.</summary>
    public void Error(string message)
    {
        Json(new JsonObject { ["error"] = message });
        _error.WriteLine("error: " + message);
    }

    /// <summary>Remarks that are neither result nor failure.</summary>
    public void Warning(string message) => _error.WriteLine("warning: " + message);

    /// <summary>Runs work under a progress bar, which is drawn only on a real terminal.</summary>
    /// <param name="description">What is being done.</param>
    /// <param name="work">The work; it reports the share done as (done, total).</param>
    public T Progress<T>(string description, Func<IProgress<(int Done, int Total)>, T> work)
    {
        if (!_showsProgress)
            return work(new ProgressSink(_ => { }));
        T result = default!;
        CreateConsole(_error, redirected: false).Progress().AutoClear(true).Columns(
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
        _output.Flush();
        _error.Flush();
    }

    private static IAnsiConsole CreateConsole(TextWriter writer, bool redirected) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(writer),
        Ansi = redirected ? AnsiSupport.No : AnsiSupport.Detect,
        ColorSystem = redirected ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
    });

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
