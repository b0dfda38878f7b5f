// The settings of a tuner.
namespace Int8Runtime.Quantization;

/// <summary>Strategies by name.</summary>
public enum TuningStrategyKind
{
    /// <summary>Combinations for the whole model, then fall-back of single layers ranked by the metric, then of several.</summary>
    Basic,

    /// <summary>As basic, with layers ranked by their error instead of the metric, which needs no evaluations.</summary>
    Mse,

    /// <summary>Tree-structured Parzen estimator.</summary>
    Bayesian,

    /// <summary>Every combination, with few layers in f32 first.</summary>
    Exhaustive,

    /// <summary>Random combinations without repetition.</summary>
    Random,
}

/// <summary>
/// What a tuner may choose, what it has to reach and when it stops. <see cref="TunerConfigurationReader"/> reads it from YAML.
/// </summary>
public sealed record TunerConfiguration
{
    /// <summary>Name of the model in reports and in the history.</summary>
    public string ModelName { get; init; } = "model";

    /// <summary>Model file; empty where the program supplies the model.</summary>
    public string ModelPath { get; init; } = "";

    /// <summary>The framework: <c>onnx</c> or <c>openvino</c>.</summary>
    public string Framework { get; init; } = "onnx";

    /// <summary>Names of the inputs, for checking; empty for those of the model.</summary>
    public IReadOnlyList<string> Inputs { get; init; } = [];

    /// <summary>Names of the outputs, for checking; empty for those of the model.</summary>
    public IReadOnlyList<string> Outputs { get; init; } = [];

    /// <summary>Data set for calibration; empty where the program supplies it.</summary>
    public string CalibrationData { get; init; } = "";

    /// <summary>Labelled data set for the accuracy; empty where the program supplies a metric.</summary>
    public string EvaluationData { get; init; } = "";

    /// <summary>Named preprocessing of both.</summary>
    public string Preprocessing { get; init; } = "raw";

    /// <summary>Added to each label.</summary>
    public int LabelOffset { get; init; }

    /// <summary>Samples of the evaluation; null for all.</summary>
    public int? EvaluationSamples { get; init; }

    /// <summary>Choices for the whole model; each has at least one value.</summary>
    public IReadOnlyList<TuningParameter> Parameters { get; init; } = [];

    /// <summary>Whether layers may fall back to f32.</summary>
    public bool LayersMayFallBack { get; init; } = true;

    /// <summary>How configurations are chosen.</summary>
    public TuningStrategyKind Strategy { get; init; }

    /// <summary>Accepted drop of the metric, in its units or relative to the f32 value.</summary>
    public double MaxDrop { get; init; } = 0.01;

    /// <summary>Whether <see cref="MaxDrop"/> is a share of the f32 metric.</summary>
    public bool IsRelative { get; init; } = true;

    /// <summary>Time for tuning; zero stops at the first configuration that is good enough, whatever time that takes.</summary>
    public TimeSpan Timeout { get; init; }

    /// <summary>Largest number of trials.</summary>
    public int MaxTrials { get; init; } = 100;

    /// <summary>Equal seeds give equal orders of trials.</summary>
    public int RandomSeed { get; init; } = 9527;

    /// <summary>File of finished trials, which a later run continues; empty for none.</summary>
    public string HistoryPath { get; init; } = "";

    /// <summary>The metric that is good enough.</summary>
    public double Wanted(double floatAccuracy) => floatAccuracy - (IsRelative ? MaxDrop * Math.Abs(floatAccuracy) : MaxDrop);
}
