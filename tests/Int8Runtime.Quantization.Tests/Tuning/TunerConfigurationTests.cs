// The YAML of the tuner: what is read, and what is refused with its line.
namespace Int8Runtime.Quantization.Tests.Tuning;

public sealed class TunerConfigurationTests
{
    [Fact]
    public void Every_key_is_read()
    {
        TunerConfiguration c = TunerConfigurationReader.Parse(
            """
            model:
              name: resnet20
              path: resnet20.onnx
              framework: onnx
              inputs: [x]
              outputs: y
            data:
              calibration: train.bin
              evaluation: test.bin
              preprocess: cifar10
              label_offset: 1
              evaluation_samples: 500
            quantization:
              preset: [mixed, performance]
              activation: {granularity: [per_tensor, per_channel]}
              weight: {granularity: per_tensor, bits: [8, 7]}
              channel_alignment: [true, false]
              bias_correction: full
              smooth_quant: [none, 0.5]
              profile: vnni
              op_wise: false
            calibration:
              iterations: 5, 10
              batch_size: 10
              algorithm: {activation: [minmax, "percentile:99.99"], weight: minmax}
            tuning:
              strategy: bayesian
              accuracy_criterion: {absolute: 0.02}
              objective: performance
              timeout: 60
              max_trials: 7
              random_seed: 11
              history: h.jsonl
            """);
        Assert.Equal(("resnet20", "resnet20.onnx", "onnx"), (c.ModelName, c.ModelPath, c.Framework));
        Assert.Equal(["x"], c.Inputs);
        Assert.Equal(["y"], c.Outputs);
        Assert.Equal(("train.bin", "test.bin", "cifar10", 1, 500),
            (c.CalibrationData, c.EvaluationData, c.Preprocessing, c.LabelOffset, c.EvaluationSamples!.Value));
        Assert.Equal(
            ["samples: 50 100", "estimator: minmax percentile:99.99", "preset: mixed performance",
                "activation_granularity: per_tensor per_channel", "granularity: per_tensor", "weight_bits: 8 7",
                "channel_alignment: true false",
                "bias_correction: full", "smooth_quant: none 0.5", "profile: vnni"],
            c.Parameters.Select(p => $"{p.Name}: {string.Join(' ', p.Values)}"));
        Assert.False(c.LayersMayFallBack);
        Assert.Equal((TuningStrategyKind.Bayesian, 0.02, false, 60.0, 7, 11, "h.jsonl"),
            (c.Strategy, c.MaxDrop, c.IsRelative, c.Timeout.TotalSeconds, c.MaxTrials, c.RandomSeed, c.HistoryPath));
        foreach (TrialConfiguration trial in Enumerable.Range(0, new TuningSpace(c.Parameters, []).ModelWiseCount)
            .Select(new TuningSpace(c.Parameters, []).ModelWise))
            Assert.False(QuantizationTarget.OptionsOf(trial).PerChannelWeights);
    }

    [Fact]
    public void Defaults_are_those_of_the_form()
    {
        TunerConfiguration c = TunerConfigurationReader.Parse(
            """
            framework:
              - name: onnx
                inputs: input
            tuning:
              accuracy_criterion:
                relative: 0.01
            """);
        Assert.Equal(["input"], c.Inputs);
        Assert.Equal((TuningStrategyKind.Basic, 0.01, true, TimeSpan.Zero, 100, 9527),
            (c.Strategy, c.MaxDrop, c.IsRelative, c.Timeout, c.MaxTrials, c.RandomSeed));
        Assert.Equal(0.9 - 0.009, c.Wanted(0.9), 12);
        Assert.Equal(1, new TuningSpace(c.Parameters, []).ModelWiseCount);
    }

    [Theory]
    [InlineData("tuning:\n  strategi: basic", 2, "unknown key 'tuning.strategi'", "strategy")]
    [InlineData("tunning: {}", 1, "unknown key 'tunning'", "tuning")]
    [InlineData("tuning:\n\n  strategy: best", 3, "'best' does not fit 'tuning.strategy'", "bayesian")]
    [InlineData("tuning:\n  max_trials: 0", 2, "'0' does not fit", "at least 1")]
    [InlineData("tuning:\n  timeout: soon", 2, "'soon' does not fit", "number")]
    [InlineData("tuning:\n  accuracy_criterion: {relative: 0.1, absolute: 0.1}", 2, "one of", "absolute")]
    [InlineData("calibration:\n  algorithm:\n    activation: [minmax, kll]", 3,
        "'kll' does not fit 'calibration.algorithm.activation'", "percentile")]
    [InlineData("calibration:\n  iterations: [5, x]", 2, "'x' does not fit", "whole numbers")]
    [InlineData("calibration:\n  iterations: 5\n  sampling_size: 9", 3, "keep one", "iterations")]
    [InlineData("quantization:\n  weight: {bits: 9}", 2, "'9' does not fit", "2 to 8")]
    [InlineData("quantization:\n  profile: arm", 2, "'arm' does not fit", "avx2")]
    [InlineData("quantization:\n  preset: []", 2, "is empty", "leave the key out")]
    [InlineData("model: resnet", 1, "has to be a mapping", "path")]
    [InlineData("model: {framework: caffe}", 1, "'caffe' does not fit", "onnx")]
    [InlineData("model: ]", 1, "no YAML", "")]
    public void What_does_not_fit_is_refused_with_line_and_remedy(string yaml, int line, string complaint, string remedy)
    {
        string message = Assert.Throws<QuantizationException>(() => TunerConfigurationReader.Parse(yaml, "c.yaml")).Message;
        Assert.StartsWith($"c.yaml:{line}: ", message, StringComparison.Ordinal);
        Assert.Contains(complaint, message, StringComparison.Ordinal);
        Assert.Contains(remedy, message, StringComparison.Ordinal);
    }
}
