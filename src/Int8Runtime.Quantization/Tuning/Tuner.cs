// Searches the fastest configuration whose accuracy is good enough.
using System.Diagnostics;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>How far a tuning has come.</summary>
/// <param name="Trial">The trial that was finished last; null before the first.</param>
/// <param name="Best">The best trial so far.</param>
/// <param name="Done">Finished trials.</param>
/// <param name="MaxTrials">The largest number of trials: the limit, or all combinations of a space without layers.</param>
/// <param name="Remaining">
/// The longest time that is still needed, from the mean time of a trial and the timeout; null before the first trial.
/// </param>
/// <param name="FloatAccuracy">The metric of the f32 model.</param>
/// <param name="Wanted">The metric that is good enough.</param>
public sealed record TuningProgress(Trial? Trial, Trial? Best, int Done, int MaxTrials, TimeSpan? Remaining, double FloatAccuracy,
    double Wanted);

/// <summary>What a tuning found.</summary>
/// <param name="Best">The best trial: the fastest within the bound, otherwise the most accurate; null if all failed.</param>
/// <param name="IsWithinBound">Whether it is accurate enough.</param>
/// <param name="FloatAccuracy">The metric of the f32 model.</param>
/// <param name="Wanted">The metric that is good enough.</param>
/// <param name="Trials">All trials in order.</param>
/// <param name="StopReason">Why the tuning ended.</param>
public sealed record TuningResult(Trial? Best, bool IsWithinBound, double FloatAccuracy, double Wanted,
    IReadOnlyList<Trial> Trials, string StopReason);

/// <summary>
/// Accuracy-driven tuning: a strategy proposes configurations; each is quantized, evaluated and recorded, until one is good
/// enough (timeout 0), or until time, trials or configurations run out. A trial that fails is recorded and does not end the
/// tuning. With a history file an interrupted tuning continues where it was.
/// </summary>
public sealed class Tuner
{
    private readonly TunerConfiguration _configuration;
    private readonly ITuningStrategy _strategy;

    /// <summary>Creates a tuner.</summary>
    /// <param name="configuration">Space, bound, limits.</param>
    /// <param name="strategy">A strategy of the caller's; null for the one that the configuration names.</param>
    public Tuner(TunerConfiguration configuration, ITuningStrategy? strategy = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        _configuration = configuration;
        _strategy = strategy ?? TuningStrategies.Create(configuration.Strategy);
    }

    /// <summary>Tunes a model of this library.</summary>
    /// <param name="engine">Runs models.</param>
    /// <param name="model">The f32 model.</param>
    /// <param name="calibration">Representative samples.</param>
    /// <param name="evaluate">The metric of a model; larger is better.</param>
    /// <param name="progress">Told after each trial.</param>
    /// <param name="cancellation">Ends the tuning between two trials.</param>
    public TuningResult Tune(
        CpuEngine engine, ModelGraph model, IDataset calibration, Func<ModelGraph, double> evaluate,
        IProgress<TuningProgress>? progress = null, CancellationToken cancellation = default) =>
        Tune(new QuantizationTarget(engine, model, calibration, evaluate, _configuration.ModelName), progress, cancellation);

    /// <summary>Tunes whatever the target is.</summary>
    /// <exception cref="QuantizationException">The history is corrupt or belongs to another tuning.</exception>
    /// <exception cref="OperationCanceledException">The tuning was cancelled; finished trials are in the history.</exception>
    public TuningResult Tune(ITuningTarget target, IProgress<TuningProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        var space = new TuningSpace(
            _configuration.Parameters,
            _configuration.LayersMayFallBack ? [.. target.Inspect().Where(l => l.Precisions.Count > 1)] : []);
        TrialHistory history = TrialHistory.Open(_configuration.HistoryPath, target.Name, DescribeSettings(space));
        double exact = target.EvaluateFloat(), wanted = _configuration.Wanted(exact);
        double spent = history.Trials.Sum(t => t.Seconds);
        int limit = space.Layers.Count == 0 ? Math.Min(_configuration.MaxTrials, space.ModelWiseCount) : _configuration.MaxTrials;
        Comparison<Trial> order = Trial.Order(wanted);
        void Report(Trial? trial) => progress?.Report(new TuningProgress(
            trial, BestOf(history, order), history.Trials.Count, limit, Remaining(history, limit, spent), exact, wanted));

        Report(null);
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            if (StopReason(history, wanted, spent) is { } reason)
                return Finish(reason);
            var state = new TuningState(space, target, history.Trials, wanted, _configuration.RandomSeed);
            if (_strategy.Next(state) is not { } configuration)
                return Finish("every configuration of the strategy was tried");
            Trial trial = RunTrial(target, configuration, history.Trials.Count);
            spent += trial.Seconds;
            history.Add(trial);
            Report(trial);
        }

        TuningResult Finish(string reason)
        {
            Trial? best = BestOf(history, order);
            return new TuningResult(best, best is not null && best.Accuracy >= wanted, exact, wanted, history.Trials, reason);
        }
    }

    private static Trial? BestOf(TrialHistory history, Comparison<Trial> order) =>
        history.Trials.Where(t => t.Error is null).Order(Comparer<Trial>.Create(order)).FirstOrDefault();

    private static Trial RunTrial(ITuningTarget target, TrialConfiguration configuration, int index)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            TrialMeasurement measured = target.Evaluate(configuration);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            return double.IsFinite(measured.Accuracy) && double.IsFinite(measured.Milliseconds)
                ? new Trial(index, configuration, measured.Accuracy, measured.Milliseconds, seconds)
                : new Trial(index, configuration, double.NaN, double.NaN, seconds,
                    FormattableString.Invariant($"the accuracy is {measured.Accuracy}, the time {measured.Milliseconds} ms"));
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or OutOfMemoryException))
        {
            return new Trial(index, configuration, double.NaN, double.NaN, Stopwatch.GetElapsedTime(start).TotalSeconds,
                exception.Message.ReplaceLineEndings(" "));
        }
    }

    private string? StopReason(TrialHistory history, double wanted, double spent)
    {
        if (_configuration.Timeout == TimeSpan.Zero && history.Trials.Any(t => t.Error is null && t.Accuracy >= wanted))
            return "a configuration is within the bound";
        if (_configuration.Timeout > TimeSpan.Zero && spent >= _configuration.Timeout.TotalSeconds)
            return "the time is over";
        return history.Trials.Count >= _configuration.MaxTrials ? "the number of trials is reached" : null;
    }

    private TimeSpan? Remaining(TrialHistory history, int limit, double spent)
    {
        if (history.Trials.Count == 0)
            return null;
        double seconds = spent / history.Trials.Count * Math.Max(0, limit - history.Trials.Count);
        if (_configuration.Timeout > TimeSpan.Zero)
            seconds = Math.Min(seconds, Math.Max(0, _configuration.Timeout.TotalSeconds - spent));
        return seconds < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue;
    }

    // What makes trials of one run useful for another. Limits may change: a tuning can be continued for longer.
    private string DescribeSettings(TuningSpace space) =>
        $"{_configuration.Strategy}, seed {_configuration.RandomSeed}, {string.Join("; ", space.Parameters.Select(p => $"{p.Name}: {string.Join(" ", p.Values)}"))}, {space.Layers.Count} layers";
}
