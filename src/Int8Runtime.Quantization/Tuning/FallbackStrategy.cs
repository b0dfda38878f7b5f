// Whole-model settings first, then layers fall back to f32.
namespace Int8Runtime.Quantization;

/// <summary>
/// The strategies basic and mse. First every combination of the settings with all layers in int8. Then, with the most accurate of
/// them, layers fall back to f32: ranked by the metric when each alone is f32 (basic) or by the error that each causes (mse), one
/// more with each trial.
/// </summary>
internal sealed class FallbackStrategy(bool rankByError) : ITuningStrategy
{
    private (string Settings, IReadOnlyList<string> Layers)? _ranking;

    public TrialConfiguration? Next(TuningState state)
    {
        for (int i = 0; i < state.Space.ModelWiseCount; i++)
            if (state.Space.ModelWise(i) is var configuration && state.Find(configuration) is null)
                return configuration;
        if (state.Space.Layers.Count == 0)
            return null;

        // The most accurate settings, not those that meet the bound: layers in f32 can only be needed where none does.
        Trial? best = state.Trials.Where(t => t.Configuration.FloatLayers.Count == 0 && t.Error is null)
            .OrderByDescending(t => t.Accuracy).ThenBy(t => t.Milliseconds).FirstOrDefault();
        if (best is null)
            return null;
        if (!rankByError)
        {
            foreach (OperatorCapability layer in state.Space.Layers)
                if (best.Configuration.WithFloatLayers([layer.Name]) is var single && state.Find(single) is null)
                    return single;
        }

        IReadOnlyList<string> ranking = rankByError ? ByError(state, best.Configuration) : ByMetric(state, best.Configuration);
        for (int count = rankByError ? 1 : 2; count <= ranking.Count; count++)
            if (best.Configuration.WithFloatLayers(ranking.Take(count)) is var fallback && state.Find(fallback) is null)
                return fallback;
        return null;
    }

    private static string[] ByMetric(TuningState state, TrialConfiguration settings) => [.. state.Space.Layers
        .Select(layer => (layer.Name, Trial: state.Find(settings.WithFloatLayers([layer.Name]))!))
        .Where(l => l.Trial.Error is null).OrderByDescending(l => l.Trial.Accuracy).Select(l => l.Name)];

    private IReadOnlyList<string> ByError(TuningState state, TrialConfiguration settings)
    {
        if (_ranking?.Settings != settings.Key)
            _ranking = (settings.Key, state.Target.RankByError(settings));
        HashSet<string> names = [.. state.Space.Layers.Select(l => l.Name)];
        return [.. _ranking.Value.Layers.Where(names.Contains)];
    }
}
