// Which configuration to try next.
namespace Int8Runtime.Quantization;

/// <summary>What a strategy sees.</summary>
/// <param name="Space">What may be chosen.</param>
/// <param name="Target">For strategies that rank layers by their error.</param>
/// <param name="Trials">All finished trials, in order; failed ones as well.</param>
/// <param name="Wanted">The metric that is good enough.</param>
/// <param name="Seed">Seed of random choices.</param>
public sealed record TuningState(TuningSpace Space, ITuningTarget Target, IReadOnlyList<Trial> Trials, double Wanted, int Seed)
{
    /// <summary>The trial of a configuration, or null.</summary>
    public Trial? Find(TrialConfiguration configuration) => Trials.FirstOrDefault(t => t.Configuration.Equals(configuration));
}

/// <summary>
/// Chooses configurations. The choice depends on the state alone, so that a resumed run goes on as the interrupted one would have.
/// </summary>
public interface ITuningStrategy
{
    /// <summary>The next configuration, which was not tried yet; null if there is none.</summary>
    TrialConfiguration? Next(TuningState state);
}

/// <summary>The strategies of this library.</summary>
public static class TuningStrategies
{
    /// <summary>A strategy by kind.</summary>
    public static ITuningStrategy Create(TuningStrategyKind kind) => kind switch
    {
        TuningStrategyKind.Basic => new FallbackStrategy(rankByError: false),
        TuningStrategyKind.Mse => new FallbackStrategy(rankByError: true),
        TuningStrategyKind.Bayesian => new BayesianStrategy(),
        TuningStrategyKind.Exhaustive => new ExhaustiveStrategy(),
        TuningStrategyKind.Random => new RandomStrategy(),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "There is no such strategy."),
    };
}
