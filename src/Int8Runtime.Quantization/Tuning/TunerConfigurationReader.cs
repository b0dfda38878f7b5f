// Reads the settings of a tuner from YAML.
using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Int8Runtime.Quantization;

/// <summary>
/// The file has the sections <c>model</c> (or <c>framework</c>), <c>data</c>, <c>quantization</c>, <c>calibration</c> and <c>tuning</c>;
/// <c>docs/quantization.md</c> lists the keys. Unknown keys and values that do not fit are refused with their line.
/// </summary>
public static class TunerConfigurationReader
{
    /// <summary>Reads a file; relative paths in it are relative to its folder.</summary>
    /// <exception cref="QuantizationException">
    /// The file cannot be read or does not have the form; the message names file, line and remedy.
    /// </exception>
    public static TunerConfiguration Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        string Resolve(string p) => p.Length == 0 ? p : Path.GetFullPath(p, folder);
        TunerConfiguration read = Parse(UserFiles.Text(path, "configuration file"), path);
        return read with
        {
            ModelPath = Resolve(read.ModelPath),
            CalibrationData = Resolve(read.CalibrationData),
            EvaluationData = Resolve(read.EvaluationData),
            HistoryPath = Resolve(read.HistoryPath),
        };
    }

    /// <summary>Reads a text.</summary>
    /// <param name="yaml">The text.</param>
    /// <param name="source">What it is called in messages.</param>
    /// <exception cref="QuantizationException">The text does not have the form.</exception>
    public static TunerConfiguration Parse(string yaml, string source = "configuration")
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(yaml));
        }
        catch (YamlException exception)
        {
            throw new QuantizationException($"{source}:{exception.Start.Line}: this is no YAML: {exception.Message}", exception);
        }

        if (stream.Documents.Count != 1)
            throw new QuantizationException(
                $"{source}: there are {stream.Documents.Count} YAML documents; write one with the section 'tuning'");
        var root = new YamlSection(stream.Documents[0].RootNode, source, "", "model", "framework", "data", "quantization",
            "calibration", "tuning");
        TunerConfiguration result = ReadModel(root);
        result = ReadData(root, result);
        result = result with { Parameters = ReadParameters(root) };
        if (root.Section("quantization") is { } quantization)
            result = result with { LayersMayFallBack = quantization.Boolean("op_wise", true) };
        return ReadTuning(root, result);
    }

    private static TunerConfiguration ReadModel(YamlSection root)
    {
        if (root.Section("model", "name", "path", "framework", "inputs", "outputs") is { } model)
        {
            return new TunerConfiguration
            {
                ModelName = model.Text("name", "model"),
                ModelPath = model.Text("path", ""),
                Framework = model.Choice("framework", "onnx", "onnx", "openvino"),
                Inputs = model.List("inputs"),
                Outputs = model.List("outputs"),
            };
        }

        return root.Section("framework", "name", "inputs", "outputs") is { } framework
            ? new TunerConfiguration
            {
                Framework = framework.Choice("name", "onnx", "onnx", "openvino"),
                Inputs = framework.List("inputs"),
                Outputs = framework.List("outputs"),
            }
            : new TunerConfiguration();
    }

    private static TunerConfiguration ReadData(YamlSection root, TunerConfiguration result) =>
        root.Section("data", "calibration", "evaluation", "preprocess", "label_offset", "evaluation_samples") is { } data
            ? result with
            {
                CalibrationData = data.Text("calibration", ""),
                EvaluationData = data.Text("evaluation", ""),
                Preprocessing = data.Text("preprocess", "raw"),
                LabelOffset = (int)data.Number("label_offset", 0, int.MinValue, int.MaxValue, whole: true),
                EvaluationSamples = data.Has("evaluation_samples")
                    ? (int)data.Number("evaluation_samples", 0, 1, int.MaxValue, whole: true) : null,
            }
            : result;

    private static List<TuningParameter> ReadParameters(YamlSection root)
    {
        List<TuningParameter> parameters = [];
        void Add(string name, IReadOnlyList<string> values)
        {
            if (values.Count > 0)
                parameters.Add(new TuningParameter(name, values));
        }

        YamlSection? calibration = root.Section("calibration", "iterations", "batch_size", "sampling_size", "algorithm");
        if (calibration is not null)
        {
            if (calibration.Has("iterations") && calibration.Has("sampling_size"))
                throw calibration.Wrong("sampling_size", "calibration has both 'iterations' and 'sampling_size'; keep one of them");
            int batch = (int)calibration.Number("batch_size", 1, 1, 1 << 20, whole: true);
            Add(QuantizationTarget.Samples, calibration.Has("sampling_size")
                ? calibration.WholeNumbers("sampling_size", 1)
                : calibration.Has("iterations")
                    ? [.. calibration.WholeNumbers("iterations", 1, int.MaxValue / batch)
                        .Select(i => (long.Parse(i, CultureInfo.InvariantCulture) * batch)
                            .ToString(CultureInfo.InvariantCulture))]
                    : []);
            if (calibration.Section("algorithm", "activation", "weight") is { } algorithm)
            {
                algorithm.Choice("weight", "minmax", "minmax");
                Add(QuantizationTarget.Estimator, algorithm.Checked("activation", value =>
                {
                    RangeEstimation.Parse(value);
                    return value;
                }));
            }
        }

        if (root.Section("quantization", "preset", "activation", "weight", "channel_alignment", "bias_correction", "smooth_quant",
            "profile", "op_wise") is { } quantization)
        {
            Add(QuantizationTarget.Preset, quantization.Choices("preset", "mixed", "performance"));
            if (quantization.Section("activation", "granularity") is { } activation)
                Add(QuantizationTarget.ActivationGranularity, activation.Choices("granularity", "per_tensor", "per_channel"));
            if (quantization.Section("weight", "granularity", "bits") is { } weight)
            {
                Add(QuantizationTarget.Granularity, weight.Choices("granularity", "per_channel", "per_tensor"));
                Add(QuantizationTarget.WeightBits, weight.WholeNumbers("bits", 2, 8));
            }

            Add(QuantizationTarget.Alignment, quantization.Choices("channel_alignment", "true", "false"));
            Add(QuantizationTarget.Correction, quantization.Choices("bias_correction", "fast", "full", "none"));
            Add(QuantizationTarget.Smoothing, quantization.Checked("smooth_quant", value =>
                value == "none" || (double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double a)
                    && a is >= 0 and <= 1)
                    ? value
                    : throw new QuantizationException("use none or a strength from 0 to 1")));
            Add(QuantizationTarget.Profile, quantization.Checked("profile", value => HardwareProfile.Load(value).Name));
        }

        return parameters;
    }

    private static TunerConfiguration ReadTuning(YamlSection root, TunerConfiguration result)
    {
        if (root.Section("tuning", "strategy", "accuracy_criterion", "objective", "timeout", "max_trials", "random_seed",
            "history") is not { } tuning)
            return result;
        if (tuning.Section("accuracy_criterion", "relative", "absolute") is { } criterion)
        {
            if (criterion.Has("relative") == criterion.Has("absolute"))
                throw criterion.Wrong("absolute", "accuracy_criterion needs one of 'relative' and 'absolute'");
            bool relative = criterion.Has("relative");
            result = result with { IsRelative = relative,
                MaxDrop = criterion.Number(relative ? "relative" : "absolute", 0.01, 0, double.MaxValue, whole: false) };
        }

        tuning.Choice("objective", "performance", "performance");
        return result with
        {
            Strategy = tuning.Choice("strategy", "basic", "basic", "mse", "bayesian", "exhaustive", "random") switch
            {
                "mse" => TuningStrategyKind.Mse,
                "bayesian" => TuningStrategyKind.Bayesian,
                "exhaustive" => TuningStrategyKind.Exhaustive,
                "random" => TuningStrategyKind.Random,
                _ => TuningStrategyKind.Basic,
            },
            Timeout = TimeSpan.FromSeconds(tuning.Number("timeout", 0, 0, 1e8, whole: false)),
            MaxTrials = (int)tuning.Number("max_trials", 100, 1, int.MaxValue, whole: true),
            RandomSeed = (int)tuning.Number("random_seed", 9527, int.MinValue, int.MaxValue, whole: true),
            HistoryPath = tuning.Text("history", ""),
        };
    }
}
