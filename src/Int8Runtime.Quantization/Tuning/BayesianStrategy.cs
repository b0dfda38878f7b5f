// Configurations that resemble good ones more than bad ones.
namespace Int8Runtime.Quantization;

/// <summary>
/// Tree-structured Parzen estimator over categorical choices (Bergstra et al., "Algorithms for hyper-parameter optimization",
/// NIPS 2011): after some random trials, the best quarter of the trials and the others each give a distribution of every choice
/// (counts with one pseudo-count for each value); of several candidates drawn from the former, the one is tried whose likelihood
/// ratio between the two is largest.
/// </summary>
internal sealed class BayesianStrategy : ITuningStrategy
{
    private const int RandomTrials = 8;
    private const int Candidates = 48;
    private const double GoodShare = 0.25;
    private readonly RandomStrategy _random = new();

    public TrialConfiguration? Next(TuningState state)
    {
        if (state.Trials.Count == 0)
            return state.Space.ModelWise(0);
        if (state.Trials.Count < RandomTrials)
            return _random.Next(state);

        List<Trial> ordered = [.. state.Trials];
        ordered.Sort(Trial.Order(state.Wanted));
        int good = Math.Max(2, (int)Math.Ceiling(GoodShare * ordered.Count));
        var likely = new ChoiceModel(state.Space, ordered.Take(good));
        var unlikely = new ChoiceModel(state.Space, ordered.Skip(good));
        HashSet<string> tried = [.. state.Trials.Select(t => t.Configuration.Key)];
        var random = new Random(unchecked((state.Seed * 1_000_003) ^ state.Trials.Count));
        TrialConfiguration? best = null;
        double bestRatio = double.NegativeInfinity;
        for (int i = 0; i < Candidates; i++)
        {
            TrialConfiguration candidate = likely.Draw(random);
            double ratio = likely.LogLikelihood(candidate) - unlikely.LogLikelihood(candidate);
            if (ratio > bestRatio && !tried.Contains(candidate.Key))
                (best, bestRatio) = (candidate, ratio);
        }

        return best ?? _random.Next(state);
    }

    /// <summary>Independent distributions of the settings and of each layer's precision.</summary>
    private sealed class ChoiceModel
    {
        private readonly TuningSpace _space;
        private readonly double[][] _settings;
        private readonly double[] _inFloat;

        public ChoiceModel(TuningSpace space, IEnumerable<Trial> trials)
        {
            _space = space;
            TrialConfiguration[] seen = [.. trials.Select(t => t.Configuration)];
            _settings = [.. space.Parameters.Select(p => Normalized([.. p.Values.Select(v => 1.0 + seen.Count(s => s[p.Name] == v))]))];
            _inFloat = [.. space.Layers.Select(l => (0.5 + seen.Count(s => s.FloatLayers.Contains(l.Name))) / (seen.Length + 1))];
        }

        public TrialConfiguration Draw(Random random)
        {
            var settings = new List<(string, string)>();
            for (int p = 0; p < _settings.Length; p++)
            {
                double u = random.NextDouble();
                int choice = 0;
                while (choice < _settings[p].Length - 1 && (u -= _settings[p][choice]) >= 0)
                    choice++;
                settings.Add((_space.Parameters[p].Name, _space.Parameters[p].Values[choice]));
            }

            return new TrialConfiguration(settings, _space.Layers.Where((_, i) => random.NextDouble() < _inFloat[i])
                .Select(l => l.Name).ToArray());
        }

        public double LogLikelihood(TrialConfiguration configuration)
        {
            double sum = 0;
            for (int p = 0; p < _settings.Length; p++)
                sum += Math.Log(_settings[p][_space.Parameters[p].Values.ToList().IndexOf(configuration[_space.Parameters[p].Name]!)]);
            for (int l = 0; l < _inFloat.Length; l++)
                sum += Math.Log(configuration.FloatLayers.Contains(_space.Layers[l].Name) ? _inFloat[l] : 1 - _inFloat[l]);
            return sum;
        }

        private static double[] Normalized(double[] counts)
        {
            double total = counts.Sum();
            return Array.ConvertAll(counts, c => c / total);
        }
    }
}
