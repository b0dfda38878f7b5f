// From an f32 model and sample inputs to an int8 model, without training.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>A quantized model and what was done.</summary>
/// <param name="Graph">The model in QDQ form.</param>
/// <param name="Report">Ranges, scales and the precision of each node.</param>
public sealed record QuantizationResult(ModelGraph Graph, QuantizationReport Report)
{
    /// <summary>
    /// The f32 model from which <see cref="Graph"/> was quantized, with the same names of values and, where channels were
    /// aligned, the same values inside; null if nothing was.
    /// </summary>
    public ModelGraph? Reference { get; init; }
}

/// <summary>
/// Static post-training quantization: activation ranges are measured on samples, weights are quantized symmetrically per
/// channel, and the classifier's output stays f32. The result is an ordinary ONNX graph with QuantizeLinear and
/// DequantizeLinear nodes. Method: Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference"
/// (arXiv:1806.08342), section 3, with the steps of <see cref="OptimizationPipeline.Default"/>. A quantizer that is used again for the same
/// model and samples measures only what it has not measured yet.
/// </summary>
public sealed class PostTrainingQuantizer
{
    private readonly CpuEngine _engine;
    private MeasurementCache _measurements = new();
    private (ModelGraph Model, IDataset Samples)? _measured;

    /// <summary>Creates a quantizer that runs the f32 model on an engine.</summary>
    public PostTrainingQuantizer(CpuEngine engine) => _engine = engine;

    /// <summary>Quantizes a model.</summary>
    /// <param name="model">The f32 model; it is not changed, and is not to be changed between calls.</param>
    /// <param name="calibration">Representative samples; labels are not needed.</param>
    /// <param name="options">Preset, number of samples, exclusions and so on; null for the defaults.</param>
    /// <param name="progress">Told after each sample.</param>
    /// <param name="cancellation">Ends the work between two samples.</param>
    /// <exception cref="QuantizationException">The model is quantized already, has no weights, or does not fit the samples.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public QuantizationResult Quantize(
        ModelGraph model, IDataset calibration, QuantizationOptions? options = null,
        IProgress<SampleProgress>? progress = null, CancellationToken cancellation = default)
    {
        options ??= new QuantizationOptions();
        if (_measured != (model, calibration))
        {
            _measurements = new MeasurementCache();
            _measured = (model, calibration);
        }

        return OptimizationPipeline.Default(options).Run(_engine, model, calibration, options, _measurements, progress, cancellation);
    }
}
