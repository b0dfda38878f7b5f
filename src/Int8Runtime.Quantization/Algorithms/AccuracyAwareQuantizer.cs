// Quantizes a model and reverts layers until its accuracy is good enough.
using System.Globalization;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>Options of <see cref="AccuracyAwareQuantizer"/>.</summary>
public sealed record AccuracyAwareOptions
{
    /// <summary>The largest drop of the metric that is accepted; in units of the metric, or relative to its f32 value.</summary>
    public double MaxDrop { get; init; } = 0.01;

    /// <summary>Whether <see cref="MaxDrop"/> is a share of the f32 metric.</summary>
    public bool IsRelative { get; init; }

    /// <summary>Largest number of evaluations of quantized models.</summary>
    public int MaxEvaluations { get; init; } = 100;

    /// <summary>Layers with the largest errors that are also ranked by the metric.</summary>
    public int RankedByMetric { get; init; } = 8;

    /// <summary>Samples on which layers are ranked by their error.</summary>
    public int RankingSamples { get; init; } = 16;
}

/// <summary>One evaluation.</summary>
/// <param name="Reverted">Layers that were f32.</param>
/// <param name="Accuracy">The metric.</param>
public sealed record AccuracyStep(IReadOnlyList<string> Reverted, double Accuracy);

/// <summary>What was reached.</summary>
/// <param name="Model">The model within the bound, or the best one seen.</param>
/// <param name="FloatAccuracy">The metric of the f32 model.</param>
/// <param name="Accuracy">The metric of <paramref name="Model"/>.</param>
/// <param name="Reverted">Layers that are f32 in it.</param>
/// <param name="IsWithinBound">Whether the drop is accepted.</param>
/// <param name="Steps">Every evaluation in order.</param>
public sealed record AccuracyAwareResult(
    QuantizationResult Model, double FloatAccuracy, double Accuracy, IReadOnlyList<string> Reverted, bool IsWithinBound,
    IReadOnlyList<AccuracyStep> Steps);

/// <summary>
/// Default quantization first. If the metric drops too far, layers are ranked: first by the error that each causes at the model's
/// output when it alone is quantized, then, for those with the largest errors, by the metric when it alone is f32. They are
/// reverted in this order as long as that does not lower the metric, until the drop is accepted. The best model seen is kept in
/// any case. Method: the accuracy-aware algorithm of OpenVINO's post-training optimization.
/// </summary>
public sealed class AccuracyAwareQuantizer
{
    private readonly CpuEngine _engine;

    /// <summary>Creates a quantizer that runs models on an engine.</summary>
    public AccuracyAwareQuantizer(CpuEngine engine) => _engine = engine;

    /// <summary>Quantizes a model.</summary>
    /// <param name="model">The f32 model; it is not changed.</param>
    /// <param name="calibration">Representative samples; labels are not needed.</param>
    /// <param name="evaluate">The metric of a model; larger is better.</param>
    /// <param name="quantization">Options of the quantizer; null for the defaults.</param>
    /// <param name="options">Bound and effort; null for the defaults.</param>
    /// <param name="log">Told in words what is done; may be null.</param>
    /// <param name="cancellation">Ends the work between two samples.</param>
    /// <exception cref="QuantizationException">The model cannot be quantized.</exception>
    public AccuracyAwareResult Run(
        ModelGraph model, IDataset calibration, Func<ModelGraph, double> evaluate, QuantizationOptions? quantization = null,
        AccuracyAwareOptions? options = null, Action<string>? log = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(evaluate);
        return new Search(_engine, model, calibration, evaluate, quantization ?? new(), options ?? new(), log, cancellation).Run();
    }

    private sealed class Search(
        CpuEngine engine, ModelGraph model, IDataset calibration, Func<ModelGraph, double> evaluate, QuantizationOptions quantization,
        AccuracyAwareOptions options, Action<string>? log, CancellationToken cancellation)
    {
        private readonly PostTrainingQuantizer _quantizer = new(engine);
        private readonly List<AccuracyStep> _steps = [];
        private (QuantizationResult Model, double Accuracy, IReadOnlyList<string> Reverted)? _best;

        private bool IsExhausted => _steps.Count >= options.MaxEvaluations;

        public AccuracyAwareResult Run()
        {
            double exact = evaluate(model);
            double wanted = exact - (options.IsRelative ? options.MaxDrop * Math.Abs(exact) : options.MaxDrop);
            log?.Invoke(string.Create(CultureInfo.InvariantCulture, $"f32: {exact:0.####}, wanted: at least {wanted:0.####}"));
            double current = Evaluate([]);
            List<string> reverted = [];
            if (current < wanted)
            {
                foreach (string layer in Ranking(current))
                {
                    if (current >= wanted || IsExhausted)
                        break;
                    double accuracy = Evaluate([.. reverted, layer]);
                    if (accuracy < current)
                        continue;
                    reverted.Add(layer);
                    current = accuracy;
                }
            }

            (QuantizationResult best, double bestAccuracy, IReadOnlyList<string> bestReverted) = _best!.Value;
            return new AccuracyAwareResult(best, exact, bestAccuracy, bestReverted, bestAccuracy >= wanted, _steps);
        }

        private double Evaluate(IReadOnlyList<string> reverted)
        {
            cancellation.ThrowIfCancellationRequested();
            QuantizationResult result;
            try
            {
                result = Quantize(reverted);
            }
            catch (QuantizationException exception) when (reverted.Count > 0)
            {
                // Nothing is left to quantize: the step counts, the model is not kept.
                log?.Invoke(exception.Message);
                _steps.Add(new AccuracyStep(reverted, double.NegativeInfinity));
                return double.NegativeInfinity;
            }

            double accuracy = evaluate(result.Graph);
            _steps.Add(new AccuracyStep(reverted, accuracy));
            log?.Invoke(string.Create(CultureInfo.InvariantCulture, $"{accuracy:0.####} with {(reverted.Count == 0 ? "all layers in int8" : "f32: " + string.Join(", ", reverted))}"));
            if (_best is null || accuracy > _best.Value.Accuracy)
                _best = (result, accuracy, reverted);
            return accuracy;
        }

        private QuantizationResult Quantize(IEnumerable<string> reverted)
        {
            // Nodes are named as in the model; names that only the simplified form has are those of its products.
            IgnoredScope scope = quantization.Ignored;
            return _quantizer.Quantize(
                model, calibration, quantization with { Ignored = scope with { Names = [.. scope.Names, .. reverted] } },
                cancellation: cancellation);
        }

        private List<string> Ranking(double current)
        {
            List<string> byError = [.. LayerSensitivity.Measure(
                engine, _quantizer, model, calibration, quantization, options.RankingSamples, cancellation)
                    .OrderByDescending(l => l.Error).Select(l => l.Name)];
            log?.Invoke($"largest errors: {string.Join(", ", byError.Take(options.RankedByMetric))}");
            var gains = new List<(string Name, double Accuracy)>();
            foreach (string layer in byError.Take(options.RankedByMetric))
            {
                if (IsExhausted)
                    break;
                gains.Add((layer, Evaluate([layer])));
            }

            // Stable: among equal gains the larger error comes first. Layers that gain nothing alone come behind those that do.
            IEnumerable<string> first = gains.OrderByDescending(g => g.Accuracy).Where(g => g.Accuracy > current).Select(g => g.Name);
            return [.. first.Concat(byError).Distinct()];
        }
    }
}
