// Every configuration, one after the other.
namespace Int8Runtime.Quantization;

/// <summary>All settings with all layers in int8, then with one layer in f32, then with two, and so on.</summary>
internal sealed class ExhaustiveStrategy : ITuningStrategy
{
    public TrialConfiguration? Next(TuningState state)
    {
        HashSet<string> tried = [.. state.Trials.Select(t => t.Configuration.Key)];
        int layers = state.Space.Layers.Count;
        for (int inFloat = 0; inFloat <= layers; inFloat++)
        {
            foreach (int[] chosen in Combinations(layers, inFloat))
            {
                for (int i = 0; i < state.Space.ModelWiseCount; i++)
                {
                    TrialConfiguration configuration = state.Space.ModelWise(i)
                        .WithFloatLayers(chosen.Select(c => state.Space.Layers[c].Name));
                    if (!tried.Contains(configuration.Key))
                        return configuration;
                }
            }
        }

        return null;
    }

    // Subsets of {0, …, n−1} with k elements in lexicographic order.
    private static IEnumerable<int[]> Combinations(int n, int k)
    {
        int[] chosen = [.. Enumerable.Range(0, k)];
        while (true)
        {
            yield return [.. chosen];
            int i = k - 1;
            while (i >= 0 && chosen[i] == n - k + i)
                i--;
            if (i < 0)
                yield break;
            chosen[i]++;
            for (int j = i + 1; j < k; j++)
                chosen[j] = chosen[j - 1] + 1;
        }
    }
}
