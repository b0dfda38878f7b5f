// Models of this library as something to tune.
using System.Diagnostics;
using System.Globalization;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// Quantizes with <see cref="PostTrainingQuantizer"/>, evaluates with the caller's metric, and times one inference at batch 1.
/// </summary>
public sealed class QuantizationTarget : ITuningTarget
{
    /// <summary>Parameter: number of calibration samples.</summary>
    public const string Samples = "samples";

    /// <summary>Parameter: range estimator, see <see cref="RangeEstimation.Parse"/>.</summary>
    public const string Estimator = "estimator";

    /// <summary>Parameter: <c>mixed</c> or <c>performance</c>.</summary>
    public const string Preset = "preset";

    /// <summary>Parameter: <c>per_channel</c> or <c>per_tensor</c> weights.</summary>
    public const string Granularity = "granularity";

    /// <summary>Parameter: <c>per_tensor</c> or <c>per_channel</c> activations.</summary>
    public const string ActivationGranularity = "activation_granularity";

    /// <summary>Parameter: bits of the weights.</summary>
    public const string WeightBits = "weight_bits";

    /// <summary>Parameter: whether channels are aligned, <c>true</c> or <c>false</c>.</summary>
    public const string Alignment = "channel_alignment";

    /// <summary>Parameter: <c>none</c>, <c>fast</c> or <c>full</c>.</summary>
    public const string Correction = "bias_correction";

    /// <summary>Parameter: strength of SmoothQuant, or <c>none</c>.</summary>
    public const string Smoothing = "smooth_quant";

    /// <summary>Parameter: name of a hardware profile.</summary>
    public const string Profile = "profile";

    private const double TimedSeconds = 0.3;

    private readonly CpuEngine _engine;
    private readonly ModelGraph _model;
    private readonly IDataset _calibration;
    private readonly Func<ModelGraph, double> _evaluate;
    private readonly PostTrainingQuantizer _quantizer;

    /// <summary>Creates a target.</summary>
    /// <param name="engine">Runs models.</param>
    /// <param name="model">The f32 model.</param>
    /// <param name="calibration">Representative samples.</param>
    /// <param name="evaluate">The metric of a model; larger is better.</param>
    /// <param name="name">Name in the history.</param>
    public QuantizationTarget(CpuEngine engine, ModelGraph model, IDataset calibration, Func<ModelGraph, double> evaluate,
        string name = "model")
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(evaluate);
        _engine = engine;
        _model = model;
        _calibration = calibration;
        _evaluate = evaluate;
        _quantizer = new PostTrainingQuantizer(engine);
        Name = name;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>The options that a configuration stands for.</summary>
    /// <exception cref="QuantizationException">A value that does not exist.</exception>
    public static QuantizationOptions OptionsOf(TrialConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var options = new QuantizationOptions { Ignored = new IgnoredScope { Names = configuration.FloatLayers } };
        foreach ((string name, string value) in configuration.Settings)
        {
            options = (name, value) switch
            {
                (Samples, _) => options with { SampleCount = int.Parse(value, CultureInfo.InvariantCulture) },
                (Estimator, _) => options with { Estimation = RangeEstimation.Parse(value) },
                (Preset, "mixed") => options with { Preset = QuantizationPreset.Mixed },
                (Preset, "performance") => options with { Preset = QuantizationPreset.Performance },
                (Granularity, "per_channel") => options with { PerChannelWeights = true },
                (Granularity, "per_tensor") => options with { PerChannelWeights = false },
                (ActivationGranularity, "per_tensor") => options with { PerChannelActivations = false },
                (ActivationGranularity, "per_channel") => options with { PerChannelActivations = true },
                (WeightBits, _) => options with { WeightBits = int.Parse(value, CultureInfo.InvariantCulture) },
                (Alignment, "true" or "false") => options with { AlignChannels = value == "true" },
                (Correction, "none") => options with { BiasCorrection = BiasCorrectionMode.None },
                (Correction, "fast") => options with { BiasCorrection = BiasCorrectionMode.Fast },
                (Correction, "full") => options with { BiasCorrection = BiasCorrectionMode.Full },
                (Smoothing, "none") => options with { SmoothQuantStrength = null },
                (Smoothing, _) => options with { SmoothQuantStrength = double.Parse(value, CultureInfo.InvariantCulture) },
                (Profile, _) => options with { Profile = HardwareProfile.Load(value) },
                _ => throw new QuantizationException($"the setting '{name}' has no value '{value}'"),
            };
        }

        return options;
    }

    /// <inheritdoc/>
    public IReadOnlyList<OperatorCapability> Inspect() => [.. OperatorCapabilities.Of(_model).Where(c => c.WeightTypes.Count > 0)];

    /// <inheritdoc/>
    public double EvaluateFloat() => _evaluate(_model);

    /// <inheritdoc/>
    public TrialMeasurement Evaluate(TrialConfiguration configuration)
    {
        ModelGraph graph = Quantize(configuration).Graph;
        return new TrialMeasurement(_evaluate(graph), Time(graph));
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> RankByError(TrialConfiguration configuration) => [.. LayerSensitivity
        .Measure(_engine, _quantizer, _model, _calibration, OptionsOf(configuration)).OrderByDescending(l => l.Error).Select(l => l.Name)];

    /// <summary>The model of a configuration.</summary>
    public QuantizationResult Quantize(TrialConfiguration configuration) =>
        _quantizer.Quantize(_model, _calibration, OptionsOf(configuration));

    // The shortest of several runs: what the machine does besides only adds to the time.
    private double Time(ModelGraph graph)
    {
        SampleFeed feed = SampleFeed.Of(graph, _calibration);
        using CompiledModel model = _engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest(feed.Shapes);
        feed.Load(0, request);
        double best = double.PositiveInfinity;
        long start = Stopwatch.GetTimestamp();
        for (int run = 0; run < 5 || Stopwatch.GetElapsedTime(start).TotalSeconds < TimedSeconds; run++)
        {
            long begin = Stopwatch.GetTimestamp();
            request.Run();
            best = Math.Min(best, Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        }

        return best;
    }
}
