// The option --report: a page about the quantized model and the same figures as JSON.
using System.CommandLine;
using System.Text;
using Int8Runtime.Graph;
using Int8Runtime.Quantization;
using Int8Runtime.Quantization.Pruning;
using Int8Runtime.Quantization.Reporting;

namespace Int8Runtime.Cli;

/// <summary>Writes the report of commands that quantize.</summary>
internal static class ReportOption
{
    /// <summary>Where the page goes.</summary>
    public static Option<string?> Report { get; } = new("--report")
    {
        Description = "Also write a page (.html) that explains the result layer by layer, and its figures as .json beside it.",
        HelpName = "FILE",
    };

    /// <summary>Checks before long work that the report can be written.</summary>
    /// <exception cref="UsageException">The name does not end in .html or .json, or the folder does not take files.</exception>
    public static void Check(ParseResult parse, string input)
    {
        if (parse.GetValue(Report) is not { } path)
            return;
        if (Path.GetExtension(path).ToLowerInvariant() is not (".html" or ".json"))
            throw new UsageException($"--report is '{path}'; give a name that ends in .html or .json");
        ModelFile.CheckOutput(path, input, Report.Name);
    }

    /// <summary>Measures and writes the report, if it was asked for.</summary>
    public static void Write(
        ParseResult parse, Terminal terminal, CpuEngine engine, string input, string output, ModelGraph model,
        QuantizationResult result, IDataset data, CancellationToken cancellation, PruningReport? pruning = null)
    {
        if (parse.GetValue(Report) is not { } path)
            return;
        ModelReport report = terminal.Progress("measuring", progress => new ModelReporter(engine).Create(
            Path.GetFileNameWithoutExtension(input), model, result, data, new Pair(ModelFile.SizeOf(input), ModelFile.SizeOf(output)),
            progress: new ProgressAdapter<SampleProgress>(p => progress.Report((p.Done, p.Total))), cancellation: cancellation)) with
        {
            Pruning = pruning,
        };
        string page = Path.ChangeExtension(path, ".html"), json = Path.ChangeExtension(path, ".json");
        (string Path, Action<Stream> Write) numbers = (json, stream => stream.Write(Encoding.UTF8.GetBytes(ReportJson.Write(report))));
        if (path.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            AtomicFile.Write(numbers);
        else
            AtomicFile.Write((page, stream => stream.Write(Encoding.UTF8.GetBytes(ReportPage.Write(report)))), numbers);
        terminal.Line($"report: {(path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? json : page)}");
        foreach (string sentence in ReportSummary.Sentences(report))
            terminal.Line("  " + sentence);
    }
}
