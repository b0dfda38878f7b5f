// From an f32 model and sample inputs to an int8 model, without training.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;

namespace Int8Runtime.Quantization;

/// <summary>A quantized model and what was done.</summary>
/// <param name="Graph">The model in QDQ form.</param>
/// <param name="Report">Ranges, scales and the precision of each node.</param>
public sealed record QuantizationResult(ModelGraph Graph, QuantizationReport Report);

/// <summary>
/// Static post-training quantization: activation ranges are measured on samples, weights are quantized symmetrically per
/// channel, and the classifier's output stays f32. The result is an ordinary ONNX graph with QuantizeLinear and
/// DequantizeLinear nodes. Method: Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference"
/// (arXiv:1806.08342), section 3.
/// </summary>
public sealed class PostTrainingQuantizer
{
    private readonly CpuEngine _engine;

    /// <summary>Creates a quantizer that runs the f32 model on an engine.</summary>
    public PostTrainingQuantizer(CpuEngine engine) => _engine = engine;

    /// <summary>Quantizes a model.</summary>
    /// <param name="model">The f32 model; it is not changed.</param>
    /// <param name="calibration">Representative samples; labels are not needed.</param>
    /// <param name="options">Preset, number of samples, exclusions; null for the defaults.</param>
    /// <param name="progress">Told after each sample.</param>
    /// <param name="cancellation">Ends the work between two samples.</param>
    /// <exception cref="QuantizationException">The model is quantized already, has no weights, or does not fit the samples.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public QuantizationResult Quantize(
        ModelGraph model, IDataset calibration, QuantizationOptions? options = null,
        IProgress<SampleProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(calibration);
        options ??= new QuantizationOptions();
        if (model.Nodes.FirstOrDefault(n => n.OpType is "QuantizeLinear" or "DequantizeLinear") is { } quantizer)
            throw new QuantizationException($"model '{model.Name}' is quantized already ({quantizer}); start from the f32 model");
        foreach (string name in options.IgnoredNodes)
            if (model.Nodes.All(n => n.Name != name))
                throw new QuantizationException($"there is no node '{name}' in model '{model.Name}' to be excluded");

        ModelGraph graph = GraphSimplification.Simplify(model);
        BiasFolding.Run(graph, options.IgnoredNodes);
        QuantizationPlan plan = QuantizationPlan.Create(graph, options);
        if (plan.Values.Count == 0)
            throw new QuantizationException($"model '{model.Name}' has no convolution or fully connected layer that can be quantized");

        IDataset samples = calibration.Subset(options.SampleCount);
        GraphValue[] measured = [.. plan.MeasuredValues()];
        int passes = options.CorrectBias ? 2 : 1;
        IReadOnlyDictionary<GraphValue, IRangeEstimator> estimators = Calibrator.Observe(
            _engine, graph, measured, samples, options.CreateEstimator, PassProgress.Of(progress, 0, passes), cancellation);
        Dictionary<GraphValue, ValueRange> ranges = RangesOfGroups(plan, estimators);
        Dictionary<GraphValue, QuantizationParameters> parameters = ranges.ToDictionary(
            pair => pair.Key,
            pair => options.Preset == QuantizationPreset.Mixed
                ? QuantizationParameters.Asymmetric(pair.Value)
                : QuantizationParameters.Symmetric(pair.Value));

        QuantizationReport report = Report(plan, ranges, parameters, samples.Count);
        IReadOnlyDictionary<GraphValue, ChannelMeans> means = options.CorrectBias
            ? BiasCorrection.Measure(_engine, plan, parameters, samples, PassProgress.Of(progress, 1, passes), cancellation)
            : new Dictionary<GraphValue, ChannelMeans>();
        new QdqInserter(plan, parameters, means).Run();
        return new QuantizationResult(graph, report);
    }

    private static Dictionary<GraphValue, ValueRange> RangesOfGroups(
        QuantizationPlan plan, IReadOnlyDictionary<GraphValue, IRangeEstimator> estimators)
    {
        var ranges = new Dictionary<GraphValue, ValueRange>();
        foreach ((GraphValue value, IRangeEstimator estimator) in estimators)
        {
            if (estimator.Range.IsEmpty)
                throw new QuantizationException($"value '{value.Name}' took no finite value on any calibration sample; check the preprocessing");
            GraphValue group = plan.GroupOf(value);
            ranges[group] = ranges.GetValueOrDefault(group, ValueRange.Empty).Union(estimator.Range);
        }

        return ranges;
    }

    // The progress of one of several passes over the samples, as part of the whole.
    private sealed class PassProgress(IProgress<SampleProgress> whole, int pass, int passes) : IProgress<SampleProgress>
    {
        public static PassProgress? Of(IProgress<SampleProgress>? whole, int pass, int passes) =>
            whole is null ? null : new PassProgress(whole, pass, passes);

        public void Report(SampleProgress value) =>
            whole.Report(new SampleProgress((pass * value.Total) + value.Done, passes * value.Total));
    }

    private static QuantizationReport Report(
        QuantizationPlan plan, Dictionary<GraphValue, ValueRange> ranges,
        Dictionary<GraphValue, QuantizationParameters> parameters, int samples)
    {
        Dictionary<GraphValue, int> groupSizes = plan.Values.GroupBy(plan.GroupOf).ToDictionary(g => g.Key, g => g.Count());
        return new QuantizationReport(
            [.. plan.Values.Select(v => (Value: v, Group: plan.GroupOf(v)))
                .Select(x => new QuantizedActivation(x.Value.Name, ranges[x.Group], parameters[x.Group], groupSizes[x.Group] - 1))],
            [.. plan.Graph.Nodes.Select(n => plan.IsQuantized(n)
                ? new NodePrecision(n.Name, n.OpType, true, "")
                : new NodePrecision(n.Name, n.OpType, false, plan.ReasonFor(n)))],
            samples);
    }
}
