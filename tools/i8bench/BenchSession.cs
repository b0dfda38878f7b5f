// Reads the words of a command line, runs the cases they describe and reports.
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Int8Runtime.Bench;

/// <summary>One command line from its first word to the totals.</summary>
internal sealed partial class BenchSession(TextWriter output)
{
    private readonly Knobs _knobs = new();
    private readonly int[] _counts = new int[Enum.GetValues<Verdict>().Length];
    private readonly SortedDictionary<string, int> _reasons = new(StringComparer.Ordinal);
    private Driver? _driver;
    private RunMode _mode = RunMode.Parse("C");
    private bool _json, _quiet;
    private double _totalMilliseconds;
    private int _cases, _references, _missingBatches, _repeats = 1, _firstCase;
    private string? _unknown; // an option of a file that this tool does not know, until the options are reset
    private CaseRunner? _runner;

    /// <summary>Runs a command line.</summary>
    /// <returns>0 if nothing failed, 1 if a case failed, 2 if the command line is wrong.</returns>
    public int Run(IReadOnlyList<string> words)
    {
        try
        {
            using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { CacheBytes = 8L << 20 });
            foreach ((string word, bool isFromFile) in CommandReader.Expand(words, () => _driver?.Name ?? "", NoteMissing))
                Take(word, isFromFile, engine);
        }
        catch (Exception exception) when (exception is FormatException or MissingBatchException or IOException or ArgumentException)
        {
            Console.Error.WriteLine("i8bench: " + exception.Message);
            return 2;
        }

        WriteTotals();
        return Count(Verdict.Failed) > 0 ? 1 : 0;
    }

    private int Count(Verdict verdict) => _counts[(int)verdict];

    private void Take(string word, bool isFromFile, Engine engine)
    {
        if (VerbosityPattern().IsMatch(word))
            return;
        if (!word.StartsWith("--", StringComparison.Ordinal))
        {
            RunProblem(word, isFromFile, engine);
            return;
        }

        int equals = word.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? word[2..] : word[2..equals], value = equals < 0 ? "" : word[(equals + 1)..];
        if (equals < 0 && Driver.Find(name) is { } driver)
        {
            _driver = driver;
            ResetOptions();
            return;
        }

        switch (name)
        {
            case "reset":
                ResetOptions();
                break;
            case "mode":
                RunMode given = RunMode.Parse(value);
                Change(mode => mode with { Check = given.Check, Time = given.Time, Execute = given.Execute });
                break;
            case "json":
                _json = true;
                break;
            case "quiet":
                _quiet = true;
                break;
            case "reference-work":
                long budget = value == "all" ? long.MaxValue : (long)AttributeText.Number(value);
                Change(mode => mode with { ReferenceBudget = budget });
                break;
            case "max-ms-per-prb":
                double milliseconds = AttributeText.Number(value);
                Change(mode => mode with { MinimumMilliseconds = milliseconds });
                break;
            case "fix-times-per-prb":
                int rounds = (int)AttributeText.Number(value);
                Change(mode => mode with { Rounds = rounds });
                break;
            case "start" or "test-start":
                _firstCase = (int)AttributeText.Number(value);
                break;
            case "repeats-per-prb":
                _repeats = (int)AttributeText.Number(value);
                break;
            case "perf-template" or "verbose" or "v" or "summary":
                break;
            default:
                if (_knobs.TrySet(name, value))
                    break;
                if (!isFromFile)
                    throw new FormatException($"Unknown option or driver '{word}'.");
                Note($"The option '{word}' is not known; problems up to the next --reset are unimplemented.");
                _unknown = word;
                break;
        }
    }

    private void Change(Func<RunMode, RunMode> change) => (_mode, _runner) = (change(_mode), null);

    private void ResetOptions()
    {
        _knobs.Reset();
        _unknown = null;
    }

    private void RunProblem(string problem, bool isFromFile, Engine engine)
    {
        Driver driver = _driver ?? throw new FormatException($"The problem '{problem}' comes before a driver such as --conv.");
        _runner ??= new CaseRunner(engine, _mode);
        foreach (Options options in _knobs.Combinations())
        {
            if (options["match"] is { Length: > 0 } pattern && !Regex.IsMatch(problem, pattern.Trim('"', '\'')))
                continue;
            if (_cases < _firstCase)
            {
                _cases++;
                continue;
            }

            for (int i = 0; i < _repeats; i++)
                Report(driver, options, problem, _unknown is { } unknown
                    ? new CaseResult(Verdict.Unimplemented, $"the option {unknown}")
                    : _runner.Run(driver, options, problem, isFromFile));
        }
    }

    private void Report(Driver driver, Options options, string problem, CaseResult result)
    {
        _counts[(int)result.Verdict]++;
        _references += result.IsReference ? 1 : 0;
        _totalMilliseconds += result.MinimumMilliseconds;
        if (result.Verdict is Verdict.Skipped or Verdict.Unimplemented)
        {
            string reason = result.Verdict + " " + (result.Verdict == Verdict.Skipped ? result.Detail.Split(':')[0] : result.Detail);
            _reasons[reason] = _reasons.GetValueOrDefault(reason) + 1;
        }

        int number = _cases++;
        if (_quiet && result.Verdict != Verdict.Failed)
            return;
        string mark = result.IsReference ? " [scalar reference]" : "";
        output.WriteLine($"{number}:{result.Verdict.ToString().ToUpperInvariant()}{mark} ({result.Detail}) __REPRO: --{driver.Name} {options}{problem}");
    }

    private void NoteMissing(string message)
    {
        _missingBatches++;
        Note(message);
    }

    private void Note(string message) => output.WriteLine("note: " + message);

    private void WriteTotals()
    {
        foreach ((string reason, int count) in _reasons.OrderByDescending(r => r.Value).Take(40))
            output.WriteLine($"{count,8} {reason}");
        output.WriteLine(FormattableString.Invariant(
            $"tests:{_cases} passed:{Count(Verdict.Passed)} failed:{Count(Verdict.Failed)} skipped:{Count(Verdict.Skipped)} unimplemented:{Count(Verdict.Unimplemented)} mistrusted:{Count(Verdict.Mistrusted)} unchecked:{Count(Verdict.Unchecked)} on_scalar_reference:{_references} missing_batches:{_missingBatches} total_min_ms:{_totalMilliseconds:0.###}"));
        if (!_json)
            return;
        output.WriteLine(JsonSerializer.Serialize(new Dictionary<string, double>
        {
            ["passed"] = Count(Verdict.Passed),
            ["failed"] = Count(Verdict.Failed),
            ["skipped"] = Count(Verdict.Skipped),
            ["unimplemented"] = Count(Verdict.Unimplemented),
            ["mistrusted"] = Count(Verdict.Mistrusted),
            ["total_min_ms"] = Math.Round(_totalMilliseconds, 4),
        }));
    }

    [GeneratedRegex("^-v[0-9]*$")]
    private static partial Regex VerbosityPattern();
}
