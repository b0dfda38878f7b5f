// What is tuned: the layer between strategies and a runtime.
namespace Int8Runtime.Quantization;

/// <summary>Accuracy and speed of a configuration.</summary>
/// <param name="Accuracy">The metric; larger is better.</param>
/// <param name="Milliseconds">Time of one inference.</param>
public readonly record struct TrialMeasurement(double Accuracy, double Milliseconds);

/// <summary>
/// A model that can be inspected, quantized and evaluated. <see cref="QuantizationTarget"/> does it with this library; another
/// implementation brings another runtime under the same strategies.
/// </summary>
public interface ITuningTarget
{
    /// <summary>Name of the model, for the history.</summary>
    string Name { get; }

    /// <summary>The layers that may be quantized, and what they may be.</summary>
    IReadOnlyList<OperatorCapability> Inspect();

    /// <summary>The metric of the f32 model.</summary>
    double EvaluateFloat();

    /// <summary>Quantizes by a configuration and measures the result.</summary>
    TrialMeasurement Evaluate(TrialConfiguration configuration);

    /// <summary>Layers by the error that their quantization causes, the largest first.</summary>
    IReadOnlyList<string> RankByError(TrialConfiguration configuration);
}
