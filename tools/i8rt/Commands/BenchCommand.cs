// i8rt bench: time, throughput and memory of a model.
using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Int8Runtime.Graph;
using Int8Runtime.Tuning;

namespace Int8Runtime.Cli.Commands;

/// <summary>Times a model on seeded random inputs.</summary>
internal static class BenchCommand
{
    private static readonly Option<double> Seconds =
        new("--seconds") { Description = "Time to measure.", DefaultValueFactory = _ => 3, HelpName = "S" };

    private static readonly Option<int> Batch = new("--batch") { Description =
        "Batch size, for models with an open batch dimension.", DefaultValueFactory = _ => 1, HelpName = "N" };

    private static readonly Option<bool> Layers = new("--layers") { Description = "Also print the time of each step." };

    private static readonly Option<bool> Tune = new("--tune")
    {
        Description = $"First measure the tiles of each product, keep the fastest in the file of --tuning (default: "
            + $"{EngineOptions.DefaultTuningFile}), and use them.",
    };

    public static Command Create() => ModelCommand.Create(
        "bench",
        """
        Measure load, compile and run time, throughput, allocations and memory of a model on random inputs.

        Examples:
          i8rt bench net-int8.onnx --threads 1
          i8rt bench net.onnx --batch 8 --seconds 10 --json
          i8rt bench net.onnx --threads 1 --layers
          i8rt bench net.onnx --tune --tuning tiles.txt        (then: i8rt run net.onnx --tuning tiles.txt …)
        """,
        Run,
        [Seconds, Batch, Layers, Tune]);

    private static int Run(ParseResult parse, string path, Terminal terminal, CancellationToken cancellation)
    {
        int batch = parse.GetValue(Batch);
        double seconds = parse.GetValue(Seconds);
        if (batch < 1 || seconds is not (> 0 and <= 3600))
            throw new UsageException("--batch must be at least 1 and --seconds between 0 and 3600");
        string? tiles = parse.GetValue(Tune) ? EngineOptions.TuningFile(parse) ?? EngineOptions.DefaultTuningFile : null;
        if (tiles is not null)
            ModelFile.PrepareFolder(Path.GetDirectoryName(Path.GetFullPath(tiles))!, EngineOptions.Tuning.Name);
        using CpuEngine engine = tiles is null
            ? EngineOptions.CreateEngine(parse) : EngineOptions.CreateEngine(parse, EngineOptions.LoadTuning(tiles, mustExist: false));
        engine.WarmUp();
        var watch = Stopwatch.StartNew();
        ModelGraph graph = ModelFile.Load(path);
        double load = watch.Elapsed.TotalMilliseconds;
        IReadOnlyList<TileMeasurement> measured = tiles is null ? [] : Measure(engine, graph, batch, tiles, terminal, cancellation);
        watch.Restart();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = CreateRequest(model, graph, batch);
        double compile = watch.Elapsed.TotalMilliseconds;
        BenchmarkInputs.Fill(graph, request);

        BenchmarkResult result = ModelBenchmark.Measure(request, seconds, cancellation);
        var process = Process.GetCurrentProcess();
        terminal.Line($"{path}: {engine.Tier}, {Figures.Count(engine.Threads, "thread")}, batch {batch}, "
            + $"{Figures.Count(result.Runs, "run")}");
        var rows = new (string Name, string Text, string Key, JsonNode Value)[]
        {
            ("minimum", Figures.Time(result.Minimum), "min_ms", result.Minimum),
            ("median", Figures.Time(result.Median), "median_ms", result.Median),
            ("throughput", Figures.Invariant($"{1000 * batch / result.Median:F1} per second"), "throughput", 1000 * batch / result.Median),
            ("load", Figures.Time(load), "load_ms", load),
            ("compile", Figures.Time(compile), "compile_ms", compile),
            ("allocated per run", Figures.Invariant($"{result.AllocatedPerRun:F1} B"), "allocated_bytes_per_run", result.AllocatedPerRun),
            ("packed weights", Figures.Bytes(model.WeightsBytes), "weight_bytes", model.WeightsBytes),
            ("activation memory", Figures.Bytes(request.ArenaBytes), "activation_bytes", request.ArenaBytes),
            ("peak working set", Figures.Bytes(process.PeakWorkingSet64), "peak_working_set_bytes", process.PeakWorkingSet64),
        };
        terminal.Table("", ["", ">"], rows.Select(r => new[] { r.Name, r.Text }));
        var json = new JsonObject { ["model"] = path, ["isa"] = engine.Tier, ["threads"] = engine.Threads, ["batch"] = batch,
            ["runs"] = result.Runs };
        foreach ((_, _, string key, JsonNode value) in rows)
            json[key] = value;
        if (tiles is not null)
            PrintTiles(terminal, measured, tiles, json);
        if (parse.GetValue(Layers))
            PrintLayers(terminal, request, json);
        terminal.Json(json);
        return ExitCode.Success;
    }

    // Measures with the cost model's tiles, in real memory; the model is compiled again with what was found.
    private static IReadOnlyList<TileMeasurement> Measure(
        CpuEngine engine, ModelGraph graph, int batch, string tiles, Terminal terminal, CancellationToken cancellation)
    {
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = CreateRequest(model, graph, batch);
        BenchmarkInputs.Fill(graph, request);
        request.Run();
        try
        {
            return terminal.Progress("measuring tiles", report => request.Tune(report, cancellation));
        }
        finally
        {
            // Also what was measured before an interruption.
            if (engine.Tuning!.Count > 0)
            {
                engine.Tuning.Save(tiles);
                terminal.Kept = $"what was measured is kept in '{tiles}'";
            }
        }
    }

    private static void PrintTiles(Terminal terminal, IReadOnlyList<TileMeasurement> measured, string tiles, JsonObject json)
    {
        TileMeasurement[] changed = [.. measured.Where(m => m.Fastest != m.Model)];
        terminal.Table($"{changed.Length} of {measured.Count} products got another tile, kept in {tiles}",
            ["step", "tile", "was", ">time", ">was"],
            changed.Select(m => new[]
            {
                Figures.Shorten(m.Step, 50), m.Fastest.ToString(), m.Model.ToString(), Figures.Time(m.FastestMilliseconds),
                Figures.Time(m.ModelMilliseconds),
            }));
        json["tuning_file"] = tiles;
        json["tiles"] = new JsonArray([.. measured.Select(m => new JsonObject
        {
            ["step"] = m.Step, ["problem"] = m.Problem.ToString(), ["tile"] = m.Fastest.ToString(), ["model_tile"] = m.Model.ToString(),
            ["ms"] = m.FastestMilliseconds, ["model_ms"] = m.ModelMilliseconds,
        })]);
    }

    private static InferenceRequest CreateRequest(CompiledModel model, ModelGraph graph, int batch)
    {
        try
        {
            return model.CreateRequest(InputShapes(graph, batch));
        }
        catch (Exception exception) when (batch > 1 && BatchLimit.IsTooLarge(exception))
        {
            if (BatchLimit.Describe(model, n => InputShapes(graph, n), batch) is { } refusal)
                throw refusal;
            throw;
        }
    }

    private static Dictionary<string, Shape> InputShapes(ModelGraph graph, int batch)
    {
        var shapes = new Dictionary<string, Shape>(StringComparer.Ordinal);
        foreach (GraphValue input in graph.Inputs)
        {
            GraphShape shape = input.Shape ?? throw new UsageException($"input '{input.Name}' has no shape; it cannot be filled");
            var extents = new int[shape.Rank];
            for (int d = 0; d < extents.Length; d++)
            {
                if (d == 0 && batch > 1 && shape[d].Extent is { } fixedBatch && fixedBatch != batch)
                    throw new UsageException(
                        $"input '{input.Name}' has the fixed batch size {fixedBatch}; --batch {batch} needs a model with an "
                        + "open batch dimension");
                extents[d] = shape[d].Extent
                    ?? (d == 0 ? batch : throw new UsageException(
                        $"input '{input.Name}' has the open shape {shape}; only the batch may be open"));
            }

            shapes[input.Name] = extents;
        }

        return shapes;
    }

    private static void PrintLayers(Terminal terminal, InferenceRequest request, JsonObject json)
    {
        const int Repetitions = 20;
        request.IsProfiling = true;
        for (int i = 0; i < Repetitions; i++)
            request.Run();
        (string Name, string Implementation, double Milliseconds)[] times =
            [.. request.Profile().Select(t => (t.Name, t.Implementation, t.Total.TotalMilliseconds / Repetitions))];
        double total = times.Sum(t => t.Milliseconds);
        terminal.Table("time of each step", ["step", "implementation", ">time", ">share"], times.Select(t => new[]
        {
            Figures.Shorten(t.Name, 60), t.Implementation, Figures.Time(t.Milliseconds), Figures.Percent(t.Milliseconds / total),
        }));
        json["layers"] = new JsonArray([.. times.Select(t => new JsonObject
        {
            ["name"] = t.Name, ["implementation"] = t.Implementation, ["ms"] = t.Milliseconds,
        })]);
    }
}
