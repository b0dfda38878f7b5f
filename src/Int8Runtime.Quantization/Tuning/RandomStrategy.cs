// Random configurations without repetition.
namespace Int8Runtime.Quantization;

/// <summary>
/// Draws every setting uniformly and a number of layers in f32 that is small more often than large. Where drawing finds nothing
/// new, the first untried configuration is taken, so that a small space is exhausted.
/// </summary>
internal sealed class RandomStrategy : ITuningStrategy
{
    private const int Attempts = 200;
    private readonly ExhaustiveStrategy _rest = new();

    public TrialConfiguration? Next(TuningState state)
    {
        HashSet<string> tried = [.. state.Trials.Select(t => t.Configuration.Key)];
        // One generator for each trial: the draw does not depend on how often the run was interrupted.
        var random = new Random(unchecked((state.Seed * 1_000_003) ^ state.Trials.Count));
        for (int i = 0; i < Attempts; i++)
        {
            TrialConfiguration drawn = Draw(state.Space, random);
            if (!tried.Contains(drawn.Key))
                return drawn;
        }

        return _rest.Next(state);
    }

    internal static TrialConfiguration Draw(TuningSpace space, Random random)
    {
        TrialConfiguration settings = space.ModelWise(random.Next(space.ModelWiseCount));
        if (space.Layers.Count == 0)
            return settings;
        double u = random.NextDouble();
        int count = (int)(u * u * (space.Layers.Count + 1));
        string[] names = [.. space.Layers.Select(l => l.Name)];
        random.Shuffle(names);
        return settings.WithFloatLayers(names.Take(count));
    }
}
