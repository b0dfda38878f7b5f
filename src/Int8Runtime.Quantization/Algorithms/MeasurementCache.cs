// Keeps what was measured on calibration samples, so that many quantizations of one model measure once.
using System.Collections.Concurrent;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// Ranges and channel means of one model by name of the value. Not every quantization needs the same values, so what is
/// missing is measured when it is asked for. Use one cache for one model and one data set.
/// </summary>
internal sealed class MeasurementCache
{
    private readonly ConcurrentDictionary<(string State, string Value, string Estimation, QuantizerTarget Target,
        int Samples), ValueRange> _ranges = [];
    private readonly ConcurrentDictionary<(string State, string Value, int Samples), double[]> _convergence = [];
    private readonly ConcurrentDictionary<(string State, string Value, int Samples), float[]> _magnitudes = [];
    private readonly ConcurrentDictionary<(string State, string Value, ActivationQuantization Quantization,
        int Samples), ChannelMeans> _means = [];

    /// <summary>The ranges of values of the f32 graph.</summary>
    public IReadOnlyDictionary<GraphValue, ValueRange> Ranges(OptimizationContext context, IReadOnlyCollection<GraphValue> values)
    {
        QuantizationOptions options = context.Options;
        (string, string, string, QuantizerTarget, int) KeyOf(GraphValue value) =>
            (context.FloatState, value.Name, context.Estimation.Name, options.ActivationTarget, context.Samples.Count);
        GraphValue[] missing = [.. values.Where(v => !_ranges.ContainsKey(KeyOf(v)))];
        if (missing.Length > 0)
        {
            IReadOnlyDictionary<GraphValue, IRangeEstimator> estimators = Calibrator.Observe(
                context.Engine, context.Graph, missing, context.Samples,
                () => new ConvergenceMeter(context.Estimation.Create(options.ActivationTarget)),
                context.NextPass(options.BiasCorrection == BiasCorrectionMode.None ? 1 : 2), context.Cancellation);
            System.Threading.Tasks.Parallel.ForEach(estimators, e =>
            {
                _convergence[(context.FloatState, e.Key.Name, context.Samples.Count)] = ((ConvergenceMeter)e.Value).Shares();
                _ranges[KeyOf(e.Key)] = e.Value.Range;
            });
        }

        return values.ToDictionary(v => v, v => _ranges[KeyOf(v)]);
    }

    /// <summary>How fast the extremes of values that were measured settled.</summary>
    public IReadOnlyList<RangeConvergence> Convergence(OptimizationContext context, IEnumerable<GraphValue> values) =>
        ConvergenceMeter.Summarize(
        [.. values.Select(v => _convergence.GetValueOrDefault((context.FloatState, v.Name, context.Samples.Count)))
            .OfType<double[]>()], context.Samples.Count);

    /// <summary>The largest magnitude in each channel (dimension 1) of values of the f32 graph.</summary>
    public IReadOnlyDictionary<GraphValue, float[]> Magnitudes(OptimizationContext context, IReadOnlyCollection<GraphValue> values)
    {
        (string, string, int) KeyOf(GraphValue value) => (context.FloatState, value.Name, context.Samples.Count);
        Dictionary<GraphValue, bool> missing = values.Where(v => !_magnitudes.ContainsKey(KeyOf(v))).ToDictionary(v => v, _ => true);
        if (missing.Count > 0)
        {
            foreach ((GraphValue value, float[] magnitudes) in ActivationStatistics.MeasureMagnitudes(
                context.Engine, context.Graph, missing, context.Samples, context.NextPass(2), context.Cancellation))
                _magnitudes[KeyOf(value)] = magnitudes;
        }

        return values.ToDictionary(v => v, v => _magnitudes[KeyOf(v)]);
    }

    /// <summary>The means of the channels of values, before and after rounding.</summary>
    public IReadOnlyDictionary<string, ChannelMeans> Means(
        OptimizationContext context, ModelGraph reference, IReadOnlyDictionary<string, ActivationQuantization> values)
    {
        (string, string, ActivationQuantization, int) KeyOf(string name) => (context.FloatState, name, values[name], context.Samples.Count);
        Dictionary<GraphValue, ActivationQuantization> missing = values.Keys.Where(v => !_means.ContainsKey(KeyOf(v)))
            .ToDictionary(name => reference.TryGetValue(name, out GraphValue? value)
                ? value : throw new QuantizationException($"the f32 model has no value '{name}'"), name => values[name]);
        if (missing.Count > 0)
        {
            foreach ((GraphValue value, ChannelMeans means) in ActivationStatistics.Measure(
                context.Engine, reference, missing, context.Samples, context.NextPass(), context.Cancellation))
                _means[KeyOf(value.Name)] = means;
        }

        return values.Keys.ToDictionary(name => name, name => _means[KeyOf(name)]);
    }
}
