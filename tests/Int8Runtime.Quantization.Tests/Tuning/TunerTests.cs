// Strategies in a toy space, stop criteria, failed trials, and a history that survives a kill.
using System.Diagnostics;
using Int8Runtime.Graph;
using Int8Runtime.Quantization.Tests.Algorithms;

namespace Int8Runtime.Quantization.Tests.Tuning;

public sealed class TunerTests
{
    private static readonly TuningStrategyKind[] AllStrategies = Enum.GetValues<TuningStrategyKind>();

    public static TheoryData<TuningStrategyKind> Strategies => [.. AllStrategies];

    [Theory]
    [MemberData(nameof(Strategies))]
    public void Every_strategy_finds_the_known_good_configuration(TuningStrategyKind strategy)
    {
        // Good enough only with the second estimator and layer l3 in f32.
        var target = new ToyTarget(c => c["estimator"] == "kl" && c.FloatLayers.Contains("l3")
            ? 0.9 : 0.5 + (c["estimator"] == "kl" ? 0.1 : 0) + (c.FloatLayers.Contains("l3") ? 0.05 : 0));
        TuningResult result = new Tuner(Toy(strategy) with { MaxTrials = 200 }).Tune(target);
        Assert.True(result.IsWithinBound, $"{result.Trials.Count} trials: {result.Best}");
        Assert.Equal("kl", result.Best!.Configuration["estimator"]);
        Assert.Contains("l3", result.Best.Configuration.FloatLayers);
        Assert.Equal("a configuration is within the bound", result.StopReason);
        Assert.Equal(result.Trials.Count, result.Trials.Select(t => t.Configuration.Key).Distinct().Count());
    }

    [Fact]
    public void The_fastest_configuration_within_the_bound_wins()
    {
        var target = new ToyTarget(c => c["estimator"] == "kl" ? 0.92 : 0.91, c => c["estimator"] == "kl" ? 3 : 2 + c.FloatLayers.Count);
        TuningResult result = new Tuner(Toy(TuningStrategyKind.Exhaustive) with { Timeout = TimeSpan.FromHours(1) }).Tune(target);
        Assert.Equal("every configuration of the strategy was tried", result.StopReason);
        Assert.Equal(4 * 16, result.Trials.Count);
        Assert.Equal(("minmax", 0), (result.Best!.Configuration["estimator"], result.Best.Configuration.FloatLayers.Count));
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public void Equal_seeds_give_equal_orders(TuningStrategyKind strategy)
    {
        string[] Order(int seed) =>
            [.. new Tuner(Toy(strategy) with { MaxTrials = 20, RandomSeed = seed })
                .Tune(new ToyTarget(_ => 0.1)).Trials.Select(t => t.Configuration.Key)];
        Assert.Equal(Order(1), Order(1));
        if (strategy is TuningStrategyKind.Random or TuningStrategyKind.Bayesian)
            Assert.NotEqual(Order(1), Order(2));
    }

    [Fact]
    public void Basic_ranks_by_the_metric_and_mse_by_the_error()
    {
        // l2 helps most by the metric, l4 has the largest error.
        double Accuracy(TrialConfiguration c) => 0.5 + (c.FloatLayers.Contains("l2") ? 0.2 : 0) + (c.FloatLayers.Contains("l4") ? 0.1 : 0);
        TuningResult basic = new Tuner(Toy(TuningStrategyKind.Basic)).Tune(new ToyTarget(Accuracy));
        Assert.Contains(basic.Trials, t => t.Configuration.FloatLayers.SequenceEqual(["l2", "l4"]));
        TuningResult mse = new Tuner(Toy(TuningStrategyKind.Mse)).Tune(new ToyTarget(Accuracy) { Ranking = ["l4", "l1", "l2", "l3"] });
        Assert.Equal(["l4", "l1,l4", "l1,l2,l4", "l1,l2,l3,l4"],
            mse.Trials.Skip(4).Select(t => string.Join(',', t.Configuration.FloatLayers)));
    }

    [Fact]
    public void A_failed_trial_is_recorded_and_does_not_end_the_tuning()
    {
        var target = new ToyTarget(c => c["preset"] == "mixed"
            ? throw new QuantizationException("no such kernel") : c["estimator"] == "kl" ? double.NaN : 0.95);
        TuningResult result = new Tuner(Toy(TuningStrategyKind.Basic)).Tune(target);
        Assert.True(result.IsWithinBound);
        Assert.Contains(result.Trials, t => t.Error == "no such kernel");
        TuningResult all = new Tuner(Toy(TuningStrategyKind.Basic)).Tune(new ToyTarget(_ => throw new InvalidOperationException("broken")));
        Assert.Null(all.Best);
        Assert.All(all.Trials, t => Assert.Equal("broken", t.Error));
    }

    [Fact]
    public void Trials_and_time_are_limited()
    {
        Assert.Equal(5, new Tuner(Toy(TuningStrategyKind.Random) with { MaxTrials = 5 }).Tune(new ToyTarget(_ => 0)).Trials.Count);

        // The third trial lasts until the time is over; if the machine is busy, an earlier one does.
        TimeSpan limit = TimeSpan.FromMilliseconds(500);
        var watch = Stopwatch.StartNew();
        int trials = 0;
        var slow = new ToyTarget(_ =>
        {
            if (++trials == 3)
                SpinWait.SpinUntil(() => watch.Elapsed > limit + limit);
            return 0.99;
        });
        TuningResult timed = new Tuner(Toy(TuningStrategyKind.Random) with { Timeout = limit }).Tune(slow);
        Assert.Equal("the time is over", timed.StopReason);
        Assert.InRange(timed.Trials.Count, 1, 3);
    }

    [Fact]
    public void Progress_names_the_best_trial_and_the_time_that_is_left()
    {
        var reports = new List<TuningProgress>();
        new Tuner(Toy(TuningStrategyKind.Random) with { MaxTrials = 6 })
            .Tune(new ToyTarget(c => c["estimator"] == "kl" ? 0.6 : 0.5), new Recorder(reports.Add));
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], reports.Select(r => r.Done));
        Assert.All(reports.Skip(1), r => Assert.NotNull(r.Remaining));
        Assert.Equal(TimeSpan.Zero, reports[^1].Remaining);
        Assert.Equal(0.6, reports[^1].Best!.Accuracy);
        Assert.Equal(0.95, reports[0].FloatAccuracy);
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public void A_killed_run_resumes_and_loses_no_finished_trial(TuningStrategyKind strategy)
    {
        using var folder = new TempFolder();
        string path = Path.Combine(folder.Path, "history.jsonl");
        string[] uninterrupted = [.. new Tuner(Toy(strategy) with { MaxTrials = 14 })
            .Tune(new ToyTarget(_ => 0.1)).Trials.Select(t => t.Configuration.Key)];
        TunerConfiguration configuration = Toy(strategy) with { MaxTrials = 14, HistoryPath = path };
        int left = 6;
        var dying = new ToyTarget(_ => left-- > 0 ? 0.1 : throw new OperationCanceledException());
        Assert.Throws<OperationCanceledException>(() => new Tuner(configuration).Tune(dying));
        File.AppendAllText(path, "{\"trial\":6,\"settings\":{\"est");   // killed while it wrote
        var second = new ToyTarget(_ => 0.1);
        TuningResult resumed = new Tuner(configuration).Tune(second);
        Assert.Equal(uninterrupted, resumed.Trials.Select(t => t.Configuration.Key));
        Assert.Equal(uninterrupted.Length - 6, second.Evaluations);
        Assert.Equal(1 + uninterrupted.Length, File.ReadAllLines(path).Length);
        var third = new ToyTarget(_ => 0.1);
        new Tuner(configuration).Tune(third);
        Assert.Equal(0, third.Evaluations);
    }

    [Theory]
    [InlineData(3, "this is not json")]
    [InlineData(2, "{}")]
    [InlineData(4, "{\"trial\":9,\"settings\":{},\"f32_layers\":[],\"accuracy\":1,\"milliseconds\":1,\"seconds\":1,\"error\":null}")]
    [InlineData(3, "{\"trial\":1,\"settings\":{},\"f32_layers\":[],\"accuracy\":null,\"milliseconds\":1,\"seconds\":1,\"error\":null}")]
    [InlineData(3, "{\"trial\":1,\"settings\":{},\"f32_layers\":[],\"accuracy\":1e999,\"milliseconds\":1,\"seconds\":1,\"error\":null}")]
    [InlineData(3, "{\"trial\":1,\"settings\":{},\"f32_layers\":[],\"accuracy\":1,\"milliseconds\":null,\"seconds\":1,\"error\":null}")]
    [InlineData(3, "{\"trial\":1,\"settings\":{},\"f32_layers\":[],\"accuracy\":1,\"milliseconds\":1,\"seconds\":-1,\"error\":null}")]
    [InlineData(3, "{\"trial\":1,\"settings\":{},\"f32_layers\":[],\"accuracy\":1,\"milliseconds\":1,\"seconds\":1e300,\"error\":null}")]
    public void A_corrupt_history_is_refused_with_its_line(int line, string content)
    {
        using var folder = new TempFolder();
        string path = Path.Combine(folder.Path, "history.jsonl");
        TunerConfiguration configuration = Toy(TuningStrategyKind.Random) with { MaxTrials = 5, HistoryPath = path };
        new Tuner(configuration).Tune(new ToyTarget(_ => 0.1));
        string[] lines = File.ReadAllLines(path);
        lines[line - 1] = content;
        File.WriteAllLines(path, lines);
        string message = Assert.Throws<QuantizationException>(() => new Tuner(configuration).Tune(new ToyTarget(_ => 0.1))).Message;
        Assert.Contains($"history.jsonl:{line}: ", message, StringComparison.Ordinal);
        Assert.Contains("remove", message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unfinished_line_is_dropped_byte_by_byte()
    {
        using var folder = new TempFolder();
        string path = Path.Combine(folder.Path, "history.jsonl");
        TunerConfiguration configuration = Toy(TuningStrategyKind.Random) with { MaxTrials = 3, HistoryPath = path };
        new Tuner(configuration).Tune(new ToyTarget(_ => 0.1));

        // An editor put a byte order mark in front, and the machine stopped inside of a character.
        File.WriteAllBytes(path, [0xEF, 0xBB, 0xBF, .. File.ReadAllBytes(path), .. "{\"trial\":"u8, 0xE2, 0x82]);
        var target = new ToyTarget(_ => 0.1);
        Assert.Equal(4, new Tuner(configuration with { MaxTrials = 4 }).Tune(target).Trials.Count);
        Assert.Equal(1, target.Evaluations);
        Assert.Equal(5, File.ReadAllLines(path).Length);
    }

    [Fact]
    public void A_tuning_without_end_has_a_remaining_time()
    {
        var reports = new List<TuningProgress>();
        using var folder = new TempFolder();
        TunerConfiguration configuration =
            Toy(TuningStrategyKind.Random) with { MaxTrials = 1, HistoryPath = Path.Combine(folder.Path, "h.jsonl") };
        new Tuner(configuration).Tune(new ToyTarget(_ => 0.1));
        string[] lines = File.ReadAllLines(configuration.HistoryPath);
        lines[1] = System.Text.RegularExpressions.Regex.Replace(lines[1], "\"seconds\":[^,]*", "\"seconds\":1000");
        File.WriteAllLines(configuration.HistoryPath, lines);
        var target = new ToyTarget(_ => throw new OperationCanceledException());
        Assert.Throws<OperationCanceledException>(
            () => new Tuner(configuration with { MaxTrials = int.MaxValue }).Tune(target, new Recorder(reports.Add)));
        Assert.Equal(TimeSpan.MaxValue, reports[0].Remaining);
    }

    [Fact]
    public void A_history_of_another_tuning_is_refused()
    {
        using var folder = new TempFolder();
        TunerConfiguration configuration =
            Toy(TuningStrategyKind.Random) with { MaxTrials = 2, HistoryPath = Path.Combine(folder.Path, "h.jsonl") };
        new Tuner(configuration).Tune(new ToyTarget(_ => 0.1));
        Assert.Contains("other settings",
            Assert.Throws<QuantizationException>(() =>
                new Tuner(configuration with { RandomSeed = 1 }).Tune(new ToyTarget(_ => 0.1))).Message,
                    StringComparison.Ordinal);
        Assert.Contains("'toy'",
            Assert.Throws<QuantizationException>(() =>
                new Tuner(configuration).Tune(new ToyTarget(_ => 0.1) { Name = "other" })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_is_tuned_with_a_delegate_for_its_metric()
    {
        ModelGraph model = GraphBuilder.Classifier();
        IDataset samples = new SyntheticDataset([8, 10, 10], 12, seed: 3);
        float[] expected = Model.Run(model, samples, 1);
        using CpuEngine engine = CpuEngine.Create();
        TunerConfiguration configuration = TunerConfigurationReader.Parse(
            """
            framework: {name: onnx}
            calibration: {iterations: "4, 8", algorithm: {activation: [minmax, kl]}}
            tuning: {accuracy_criterion: {absolute: 0.0001}, max_trials: 6, timeout: 1000}
            """);
        TuningResult result = new Tuner(configuration)
            .Tune(engine, model, samples, graph => -Model.NoisePower(expected, Model.Run(graph, samples, 1)));
        Assert.Equal(6, result.Trials.Count);
        Assert.All(result.Trials, t => Assert.True(t.Error is null && t.Milliseconds > 0, t.Error));
        Assert.Equal(4, result.Trials.Count(t => t.Configuration.FloatLayers.Count == 0));
        Assert.All(new QuantizationTarget(engine, model, samples, _ => 0).Inspect(), l => Assert.Equal(["f32", "int8"], l.Precisions));
    }

    private static TunerConfiguration Toy(TuningStrategyKind strategy) => new()
    {
        Strategy = strategy,
        MaxDrop = 0.1,
        IsRelative = false,
        MaxTrials = 100,
        Parameters = [new TuningParameter("estimator", ["minmax", "kl"]), new TuningParameter("preset", ["mixed", "performance"])],
    };

    private sealed class ToyTarget(Func<TrialConfiguration, double> accuracy,
        Func<TrialConfiguration, double>? milliseconds = null) : ITuningTarget
    {
        public string Name { get; init; } = "toy";

        public IReadOnlyList<string> Ranking { get; init; } = ["l3", "l1", "l2", "l4"];

        public int Evaluations { get; private set; }

        public IReadOnlyList<OperatorCapability> Inspect() =>
            [.. Enumerable.Range(1, 4)
                .Select(i => new OperatorCapability($"l{i}", "Conv", ["f32", "int8"], [], [], [], ["s8"], ["per channel"], []))];

        public double EvaluateFloat() => 0.95;

        public TrialMeasurement Evaluate(TrialConfiguration configuration)
        {
            Evaluations++;
            return new TrialMeasurement(accuracy(configuration), milliseconds?.Invoke(configuration) ?? 1
                + configuration.FloatLayers.Count);
        }

        public IReadOnlyList<string> RankByError(TrialConfiguration configuration) => Ranking;
    }

    private sealed class Recorder(Action<TuningProgress> record) : IProgress<TuningProgress>
    {
        public void Report(TuningProgress value) => record(value);
    }
}
