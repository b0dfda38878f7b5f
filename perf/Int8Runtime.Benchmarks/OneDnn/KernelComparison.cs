// Problem by problem against oneDNN.
namespace Int8Runtime.Benchmarks.OneDnn;

/// <summary>Options of a comparison.</summary>
/// <param name="Types">Operand types.</param>
/// <param name="Batch">Batch of every problem; 0 for that of the file.</param>
/// <param name="Threads">Threads of both sides.</param>
/// <param name="Seconds">Time for each side of a problem.</param>
/// <param name="Filter">Only problems whose name or text contains this; empty for all.</param>
internal sealed record KernelComparisonOptions(OperandTypes Types, int Batch, int Threads, double Seconds, string Filter);

/// <summary>The two sides computed different results.</summary>
internal sealed class ResultMismatchException(string message) : Exception(message);

/// <summary>Runs the problems of shape files on both sides.</summary>
internal sealed class KernelComparison(KernelComparisonOptions options, TextWriter progress)
{
    private const int ByteWeight = 127, NarrowWeight = 63;

    /// <summary>Compares the problems of one file.</summary>
    public ResultTable Run(ShapeFile file)
    {
        using CpuEngine engine = CreateEngine();
        using OneDnnEngine? peer = OneDnnEngine.TryOpen(options.Threads);
        var table = new ResultTable(
            FormattableString.Invariant($"{Path.GetFileName(file.Path)}, {options.Types}, {(options.Batch > 0 ? $"batch {options.Batch}" : "batch of the file")}"),
            peer is null ? $"oneDNN is not installed ({Dnnl.Library} was not found), so only ours is timed" : OneDnnEngine.Version,
            Processor.Describe(engine));
        table.Pin(options.Threads);
        var peak = new PeakMeasurement(engine, options.Types.Weights);
        foreach (ProblemShape problem in file.Problems.Where(
            p => p.ToString().Contains(options.Filter, StringComparison.OrdinalIgnoreCase)))
        {
            try
            {
                Compare(engine, peer, peak, problem, table);
            }
            catch (ResultMismatchException exception)
            {
                // Not the end of a run of hours, but of its success: the command returns 1.
                table.Mismatches.Add(exception.Message);
                progress.WriteLine($"error: {exception.Message}");
            }
            catch (Exception exception) when (exception is UnsupportedPrimitiveException or NotSupportedException or ArgumentException)
            {
                table.Remarks.Add($"{Label(problem)}: {exception.Message.ReplaceLineEndings(" ")}");
            }
        }

        if (table.Rows.Count + table.Mismatches.Count == 0)
            table.Remarks.Add($"No problem was timed{(options.Filter.Length > 0 ? $"; --filter is '{options.Filter}'" : "")}.");
        return table;
    }

    // Without VNNI both sides sum pairs of byte products in 16 bits, which only weights of 7 bits cannot overflow; with larger ones
    // oneDNN saturates and the results would differ.
    private CpuEngine CreateEngine()
    {
        CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { Threads = options.Threads });
        if ((engine.Isa & (Isa.Avx512Vnni | Isa.Avx2Vnni)) != Isa.None)
            return engine;
        engine.Dispose();
        return CpuEngine.Create(new CpuEngineOptions { Threads = options.Threads, NumericMode = NumericMode.NarrowWeights });
    }

    private static string Label(ProblemShape problem) => problem.Name.Length > 0 ? problem.Name : problem.ShapeText();

    private void Compare(CpuEngine engine, OneDnnEngine? peer, PeakMeasurement peak, ProblemShape shape, ResultTable table)
    {
        using var problem = new KernelProblem(shape, options.Types,
            engine.NumericMode == NumericMode.NarrowWeights ? NarrowWeight : ByteWeight);
        using var ours = new KernelRun(engine, problem);
        if (ours.ImplementationName.StartsWith("ref", StringComparison.Ordinal))
        {
            table.Remarks.Add($"{Label(shape)}: no generated kernel takes it, so it is not timed");
            return;
        }

        double best = 0;
        var sides = new List<Action> { ours.Execute, () => best = Math.Max(best, peak.Sample()) };
        OneDnnOperation? theirs = null;
        double? difference = null;
        try
        {
            if (peer is not null)
            {
                theirs = new OneDnnOperation(peer, problem);
                difference = Check(problem, ours, theirs);
                sides.Add(theirs.Execute);
            }
        }
        catch (ResultMismatchException)
        {
            theirs?.Dispose();
            throw;
        }
        catch (OneDnnException exception)
        {
            table.Remarks.Add($"{Label(shape)}: oneDNN refuses it ({exception.Message})");
        }

        using (theirs)
        {
            Timing[] timings = new PairedTimer(options.Seconds, hasWorkers: options.Threads > 1 && theirs is not null).Measure([.. sides]);
            table.Rows.Add(new ResultRow(
                Label(shape), 2.0 * shape.MultiplyAccumulates, timings[0], theirs is null ? null : timings[2], best,
                ours.ImplementationName + (theirs is null ? "" : " / " + theirs.ImplementationName), difference));
        }

        ResultRow row = table.Rows[^1];
        progress.WriteLine(FormattableString.Invariant(
            $"{row.Name}: {row.Operations / row.Ours.Minimum / 1e9:F0} GOPS, ratio {row.Ratio:F2}, {row.PeakShare * 100:F0} % of peak ({ours.Details})"));
    }

    // Both sides must do the same work: bytes may differ by a rounding, floating point by the order of sums.
    private static double Check(KernelProblem problem, KernelRun ours, OneDnnOperation theirs)
    {
        ours.Execute();
        theirs.Execute();
        using var result = new TensorMemory(problem.Destination.Descriptor);
        theirs.CopyResult(result);
        double difference = TestData.Difference(problem.Destination, result);
        double bound = problem.Types.Destination.IsInt8() ? 1 : 1e-4;
        return difference <= bound
            ? difference
            : throw new ResultMismatchException(
                FormattableString.Invariant($"{Label(problem.Shape)}: the results differ by {difference}"));
    }
}
