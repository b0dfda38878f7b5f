// What the user chooses about quantization.
namespace Int8Runtime.Quantization;

/// <summary>How activations are quantized. Weights are s8, symmetric, per channel in both presets.</summary>
public enum QuantizationPreset
{
    /// <summary>Asymmetric u8 activations: best accuracy.</summary>
    Mixed,

    /// <summary>Symmetric activations: every zero point is 0.</summary>
    Performance,
}

/// <summary>Options of <see cref="PostTrainingQuantizer"/>.</summary>
public sealed record QuantizationOptions
{
    /// <summary>How activations are quantized.</summary>
    public QuantizationPreset Preset { get; init; }

    /// <summary>Number of calibration samples, spread evenly over the data set.</summary>
    public int SampleCount { get; init; } = 300;

    /// <summary>Names of nodes that stay f32.</summary>
    public IReadOnlySet<string> IgnoredNodes { get; init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>Whether the shift that rounding gives to each output channel is taken out of the biases (a second pass over the samples).</summary>
    public bool CorrectBias { get; init; } = true;

    /// <summary>Creates the range estimator of one activation.</summary>
    public Func<IRangeEstimator> CreateEstimator { get; init; } = static () => new MinMaxEstimator();
}
