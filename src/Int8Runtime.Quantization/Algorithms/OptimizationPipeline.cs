// Runs optimization algorithms one after the other.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// A list of algorithms. <see cref="Default"/> is channel alignment, range quantization and bias correction, in this order; a user may put
/// algorithms of his own in any place.
/// </summary>
public sealed class OptimizationPipeline
{
    private readonly IReadOnlyList<IOptimizationAlgorithm> _algorithms;
    private readonly MeasurementCache _measurements = new();

    /// <summary>Creates a pipeline.</summary>
    public OptimizationPipeline(params IReadOnlyList<IOptimizationAlgorithm> algorithms) => _algorithms = algorithms;

    /// <summary>The algorithms in the order in which they run.</summary>
    public IReadOnlyList<IOptimizationAlgorithm> Algorithms => _algorithms;

    /// <summary>The pipeline that the options describe.</summary>
    public static OptimizationPipeline Default(QuantizationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<IOptimizationAlgorithm> algorithms = [];
        if (options.AlignChannels)
            algorithms.Add(new ActivationChannelAlignment());
        if (options.SmoothQuantStrength is { } strength)
            algorithms.Add(new SmoothQuant(strength));
        algorithms.Add(new MinMaxQuantization());
        if (options.BiasCorrection != BiasCorrectionMode.None)
            algorithms.Add(new BiasCorrection(options.BiasCorrection));
        return new OptimizationPipeline(algorithms);
    }

    /// <summary>Runs the algorithms on a copy of a model.</summary>
    /// <param name="engine">Runs the model on the samples.</param>
    /// <param name="model">The f32 model; it is not changed.</param>
    /// <param name="calibration">Representative samples; labels are not needed.</param>
    /// <param name="options">Options; null for the defaults.</param>
    /// <param name="progress">Told after each sample.</param>
    /// <param name="cancellation">Ends the work between two samples.</param>
    /// <exception cref="QuantizationException">The model is quantized already, has no weights, or does not fit the samples.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public QuantizationResult Run(
        CpuEngine engine, ModelGraph model, IDataset calibration, QuantizationOptions? options = null,
        IProgress<SampleProgress>? progress = null, CancellationToken cancellation = default) =>
        Run(engine, model, calibration, options ?? new QuantizationOptions(), _measurements, progress, cancellation);

    internal QuantizationResult Run(
        CpuEngine engine, ModelGraph model, IDataset calibration, QuantizationOptions options, MeasurementCache measurements,
        IProgress<SampleProgress>? progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(calibration);
        if (model.Nodes.FirstOrDefault(n => n.OpType is "QuantizeLinear" or "DequantizeLinear") is { } quantizer)
            throw new QuantizationException($"model '{model.Name}' is quantized already ({quantizer}); start from the f32 model");
        var context = new OptimizationContext(engine, model, calibration, options, measurements, progress, cancellation);
        foreach (IOptimizationAlgorithm algorithm in _algorithms)
        {
            cancellation.ThrowIfCancellationRequested();
            algorithm.Run(context);
        }

        QuantizationReport report = context.Report
            ?? new QuantizationReport([],
                [.. context.Graph.Nodes.Select(n => new NodePrecision(n.Name, n.OpType, false, "no algorithm quantized it"))],
                context.Samples.Count);
        return new QuantizationResult(context.Graph, report with { Notes = [.. context.Notes] }) { Reference = context.Reference };
    }
}
