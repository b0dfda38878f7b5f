// Where a command writes: tables and progress for people, one JSON object for scripts.
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Int8Runtime.Cli;

/// <summary>The standard output takes nothing, because it is closed or its disk is full.</summary>
internal sealed class OutputException(string message) : Exception(message);

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
            Write(() => _output.WriteLine(text));
    }

    /// <summary>
    /// Prints a table for people, fitted to the terminal. A column whose name starts with <c>&gt;</c> is aligned to the right; one with
    /// <c>?</c> is left out where there is no room.
    /// </summary>
    public void Table(string title, IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        if (IsJson)
            return;
        int width = Output.Profile.Width;
        TableFit fit = TableFit.Of([.. columns.Select(TableColumnSpec.Parse)], [.. rows.Select(r => r.ToArray())], width);
        if (fit.Rows.Count == 0)
            return;
        var table = new Table { Border = TableBorder.Simple };
        foreach ((TableColumnSpec column, bool wraps) in fit.Columns.Zip(fit.Wraps))
        {
            table.AddColumn(new TableColumn(new Text(column.Name))
            {
                Alignment = column.IsRight ? Justify.Right : Justify.Left,
                NoWrap = !wraps,
            });
        }

        if (fit.Columns.All(c => c.Name.Length == 0))
            table.HideHeaders();
        foreach (string[] row in fit.Rows)
            table.AddRow([.. row.Select(cell => new Text(cell))]);
        if (title.Length > 0)
            Line(title);
        Write(() =>
        {
            // A table that does not fit is better wrapped by the terminal than replaced by dots.
            Output.Profile.Width = Math.Max(width, fit.Width);
            Output.Write(table);
            Output.Profile.Width = width;
        });
        if (fit.LeftOut.Count > 0)
            Line($"  no room for {string.Join(", ", fit.LeftOut)}: use a wider terminal, or --json");
    }

    /// <summary>Prints the JSON result; does nothing without <c>--json</c>.</summary>
    public void Json(JsonObject result)
    {
        if (IsJson)
            Write(() => _output.WriteLine(result.ToJsonString(Indented)));
    }

    /// <summary>Reports a failure.</summary>
    public void Error(string message)
    {
        try
        {
            Json(new JsonObject { ["error"] = message });
        }
        catch (OutputException)
        {
            // The line below tells of the failure.
        }

        _error.WriteLine("error: " + message);
    }

    /// <summary>What an interrupted command leaves behind, for the message that says so; null for nothing.</summary>
    public string? Kept { get; set; }

    /// <summary>Remarks that are neither result nor failure.</summary>
    public void Warning(string message) => Warning(_error, message);

    /// <summary>Writes a remark where there is no terminal yet.</summary>
    public static void Warning(TextWriter error, string message) => error.WriteLine("warning: " + message);

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
            var passes = new ProgressPasses();
            result = work(new ProgressSink(p =>
            {
                (int pass, int done) = passes.Report(p.Done, p.Total);
                task.Description = Markup.Escape(pass == 1 ? description : $"{description}, pass {pass}");
                task.MaxValue = p.Total;
                task.Value = done;
            }));
        });
        return result;
    }

    public void Dispose()
    {
        _output.Flush();
        _error.Flush();
    }

    private static void Write(Action write)
    {
        try
        {
            write();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            throw new OutputException($"the standard output cannot be written ({exception.Message.TrimEnd('.')})");
        }
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

/// <summary>
/// Tells passes over the samples apart, of which each counts from the start. Reports of one pass come from several threads and may
/// overtake each other; a pass is over when all of it was reported.
/// </summary>
internal sealed class ProgressPasses
{
    private readonly Lock _lock = new();
    private int _pass = 1, _done, _total;

    /// <summary>The number of the pass, and how much of it is done, after a report.</summary>
    public (int Pass, int Done) Report(int done, int total)
    {
        lock (_lock)
        {
            if (_total > 0 && (total != _total || (_done >= _total && done < total)))
                (_pass, _done) = (_pass + 1, 0);
            (_total, _done) = (total, Math.Max(_done, done));
            return (_pass, _done);
        }
    }
}

/// <summary>Adapts progress reports of one kind to another.</summary>
internal sealed class ProgressAdapter<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
