// How the share of removed filters grows from step to step.
namespace Int8Runtime.Quantization.Pruning;

/// <summary>The shape of a schedule.</summary>
public enum PruningScheduleKind
{
    /// <summary>The final rate at once, after the initial step.</summary>
    Baseline,

    /// <summary>The share that is left falls by the same factor in each step.</summary>
    Exponential,

    /// <summary>
    /// <c>a·exp(−k·step) + b</c> through the initial rate, three quarters of the way at an eighth of the steps, and the final rate:
    /// most is removed early (the schedule of Gustafson's and NNCF's progressive pruning).
    /// </summary>
    ExponentialWithBias,
}

/// <summary>Rates of the steps of a pruning: <see cref="RateAt"/>(0) is the initial rate, the last one the target.</summary>
public sealed record PruningSchedule
{
    /// <summary>The schedule's shape.</summary>
    public PruningScheduleKind Kind { get; init; }

    /// <summary>The share of filters removed at step 0.</summary>
    public double InitialRate { get; init; }

    /// <summary>The share of filters removed at the last step.</summary>
    public double TargetRate { get; init; } = 0.3;

    /// <summary>Number of steps after step 0; at least 1.</summary>
    public int Steps { get; init; } = 1;

    /// <summary>The share of filters that is removed at a step.</summary>
    /// <param name="step">0 to <see cref="Steps"/>; later steps have the target rate.</param>
    /// <exception cref="QuantizationException">The rates are not 0 ≤ initial ≤ target &lt; 1, or there are no steps.</exception>
    public double RateAt(int step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        if (!(InitialRate >= 0 && InitialRate <= TargetRate && TargetRate < 1) || Steps < 1)
            throw new QuantizationException(FormattableString.Invariant(
                $"a pruning from {InitialRate} to {TargetRate} in {Steps} steps is not possible; rates go from 0 up to less than 1"));
        if (step == 0)
            return InitialRate;
        if (step >= Steps)
            return TargetRate;
        return Kind switch
        {
            PruningScheduleKind.Baseline => TargetRate,
            PruningScheduleKind.Exponential =>
                1 - ((1 - InitialRate) * Math.Pow((1 - TargetRate) / (1 - InitialRate), step / (double)Steps)),
            _ => Biased(step / (double)Steps),
        };
    }

    // The curve through (0, initial), (1/8, initial + 3/4 of the way) and (1, target). With d = exp(−k/8) the three conditions give
    // (1 − d) / (1 − d⁸) = 3/4, which has one root between 0 and 1.
    private double Biased(double time)
    {
        double low = 0, high = 1;
        for (int i = 0; i < 60; i++)
        {
            double d = (low + high) / 2;
            (low, high) = (1 - d) / (1 - Math.Pow(d, 8)) > 0.75 ? (d, high) : (low, d);
        }

        double decay = (low + high) / 2;
        return InitialRate + ((TargetRate - InitialRate) * (1 - Math.Pow(decay, 8 * time)) / (1 - Math.Pow(decay, 8)));
    }
}
