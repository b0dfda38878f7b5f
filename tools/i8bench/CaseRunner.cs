// Plans, executes, checks and times one case.
using System.Diagnostics;
using Int8Runtime.Diagnostics;

namespace Int8Runtime.Bench;

/// <summary>What to do with each case.</summary>
/// <param name="Check">Compare with the reference.</param>
/// <param name="Time">Measure speed.</param>
/// <param name="Execute">False to list cases only.</param>
/// <param name="ReferenceBudget">Multiply-adds that the reference may spend on a case.</param>
/// <param name="MinimumMilliseconds">Length of a measurement.</param>
/// <param name="Rounds">Executions of a measurement; 0 where its length counts.</param>
internal sealed record RunMode(
    bool Check, bool Time, bool Execute, long ReferenceBudget = 200_000, double MinimumMilliseconds = 30, int Rounds = 0)
{
    /// <summary>
    /// Reads benchdnn's letters: C (correctness), P (performance), R (run), L (list), or several of them; F and S measure, I lists, B
    /// (equal bits) compares as C does.
    /// </summary>
    public static RunMode Parse(string letters)
    {
        string upper = letters.ToUpperInvariant();
        bool Has(string any) => upper.AsSpan().IndexOfAny(any) >= 0;
        return upper.Length == 0 || upper.AsSpan().IndexOfAnyExcept("CBPFSRIL") >= 0
            ? throw new FormatException($"'{letters}' is not a mode; use C, P, R, L or CP.")
            : new RunMode(Has("CB"), Has("PFS"), !Has("LI"));
    }
}

/// <summary>The end of a case and what there is to say about it.</summary>
internal sealed record CaseResult(Verdict Verdict, string Detail, bool IsReference = false, double MinimumMilliseconds = 0);

/// <summary>Runs cases on one engine.</summary>
internal sealed class CaseRunner(Engine engine, RunMode mode)
{
    private readonly Dictionary<DataType, PeakMeasurement> _peaks = [];

    /// <summary>Runs a case; whatever goes wrong becomes its result.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="options">The options.</param>
    /// <param name="problem">The text of the problem.</param>
    /// <param name="isFromFile">
    /// Whether a file holds the text: it may be newer than this tool, so what is not understood is no failure.
    /// </param>
    public CaseResult Run(Driver driver, Options options, string problem, bool isFromFile)
    {
        try
        {
            Driver.RequireInScope(options);
            return driver.Build is null
                ? new CaseResult(Verdict.Unimplemented, $"driver: the library has no {driver.Name}")
                : Run(driver.Build(options, problem), options);
        }
        catch (SkipException skip)
        {
            return new CaseResult(Verdict.Skipped, skip.Message);
        }
        catch (UnimplementedException missing)
        {
            return new CaseResult(Verdict.Unimplemented, missing.Message);
        }
        catch (FormatException text) when (isFromFile)
        {
            return new CaseResult(Verdict.Unimplemented, "not understood: " + text.Message);
        }
        catch (UnsupportedPrimitiveException unsupported)
        {
            return new CaseResult(Verdict.Unimplemented, string.Join("; ", unsupported.Report.Rejections));
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            return new CaseResult(Verdict.Failed, $"{exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" ")}");
        }
    }

    private CaseResult Run(BenchProblem problem, Options options)
    {
        Primitive primitive;
        try
        {
            primitive = engine.Create(problem.Descriptor, problem.Attributes);
        }
        catch (ArgumentException invalid)
        {
            throw new UnimplementedException(invalid.Message);
        }

        string name = primitive.ImplementationName;
        bool isReference = primitive.Report.IsReference;
        if (options["skip-impl"].Split(',', StringSplitOptions.RemoveEmptyEntries)
            .Any(skip => name.StartsWith(skip, StringComparison.Ordinal))
            || !name.Contains(options["impl"], StringComparison.Ordinal))
            throw new SkipException(SkipReason.ImplementationFilter, name);
        if (!mode.Execute)
            return new CaseResult(Verdict.Unchecked, name, isReference);
        using var run = new ProblemRun(engine, primitive, problem.Descriptor, problem.InPlace) { LooksUp = problem.RuntimeDimensions };
        var verdict = new CaseResult(Verdict.Unchecked, name, isReference);
        if (mode.Check)
        {
            CheckOutcome outcome = run.Check(mode.ReferenceBudget);
            string compared = outcome.Compared < outcome.Total ? $" {outcome.Compared} of {outcome.Total} compared" : "";
            verdict = outcome.Mismatches > 0
                ? verdict with { Verdict = Verdict.Failed,
                    Detail = $"{name}: {outcome.Mismatches} of {outcome.Compared} differ, first {outcome.FirstMismatch}" }
                : verdict with { Verdict = outcome.IsTrivial ? Verdict.Mistrusted : Verdict.Passed, Detail = name + compared };
        }
        else
        {
            run.Execute();
        }

        return mode.Time && verdict.Verdict != Verdict.Failed ? Time(run, problem, primitive, verdict) : verdict;
    }

    private CaseResult Time(ProblemRun run, BenchProblem problem, Primitive primitive, CaseResult verdict)
    {
        DataType type = PrimitiveTensors.Weights(primitive.Descriptor)?.DataType ?? DataType.Undefined;
        PeakMeasurement? peak = problem.MultiplyAccumulates > 0 ? PeakOf(type) : null;
        double best = double.MaxValue, sum = 0;
        int count = 0;
        while (mode.Rounds > 0 ? count < mode.Rounds : sum < mode.MinimumMilliseconds || count < 3)
        {
            peak?.Sample();
            long start = Stopwatch.GetTimestamp();
            run.Execute();
            double elapsed = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            (best, sum, count) = (Math.Min(best, elapsed), sum + elapsed, count + 1);
        }

        string text = FormattableString.Invariant($" min {best:0.####} ms avg {sum / count:0.####} ms");
        double rate = 2 * problem.MultiplyAccumulates / (best * 1e-3);
        if (problem.MultiplyAccumulates > 0)
            text += FormattableString.Invariant($" {rate / 1e9:0.##} GOPS");
        if (peak is { Best: > 0 })
            text += FormattableString.Invariant($" {100 * rate / peak.Best:0.#} % of peak");
        return verdict with { Detail = verdict.Detail + text, MinimumMilliseconds = best };
    }

    private PeakMeasurement? PeakOf(DataType type)
    {
        if (type is not (DataType.Float32 or DataType.Int8 or DataType.UInt8) || !engine.Isa.HasFlag(Isa.Sse41))
            return null;
        if (!_peaks.TryGetValue(type, out PeakMeasurement? peak))
            _peaks[type] = peak = new PeakMeasurement(engine, type);
        return peak;
    }
}
