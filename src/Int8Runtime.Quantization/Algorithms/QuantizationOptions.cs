// What the user chooses about quantization.
using System.Text.RegularExpressions;

namespace Int8Runtime.Quantization;

/// <summary>How activations are quantized. Weights are symmetric in both presets.</summary>
public enum QuantizationPreset
{
    /// <summary>Asymmetric u8 activations: best accuracy.</summary>
    Mixed,

    /// <summary>Symmetric activations: every zero point is 0.</summary>
    Performance,
}

/// <summary>How the shift that rounding gives to the channels of a layer is taken out of its bias.</summary>
public enum BiasCorrectionMode
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>From the means of each layer's inputs: one pass over the samples.</summary>
    Fast,

    /// <summary>
    /// By measuring each layer's output in the quantized model, layer after layer: a pass over the samples for each depth.
    /// </summary>
    Full,
}

/// <summary>Precision of the first or last layers.</summary>
public enum LayerPrecision
{
    /// <summary>The usual: int8 operands; the result of the last layers is f32.</summary>
    Default,

    /// <summary>The layer stays f32.</summary>
    Float32,

    /// <summary>int8 operands and result, also of the last layers.</summary>
    Int8,
}

/// <summary>Nodes that stay f32.</summary>
public sealed record IgnoredScope
{
    /// <summary>Names of nodes.</summary>
    public IReadOnlyCollection<string> Names { get; init; } = [];

    /// <summary>Regular expressions that are searched in the names of nodes.</summary>
    public IReadOnlyCollection<string> Expressions { get; init; } = [];

    /// <summary>Operators, for example <c>Gemm</c>.</summary>
    public IReadOnlyCollection<string> Operators { get; init; } = [];

    /// <summary>Subgraphs; those that ship with the library unless others are given.</summary>
    public IReadOnlyList<NodePattern> Patterns { get; init; } = NodePattern.Shipped;

    /// <summary>Whether the last convolutions of detectors stay f32; what follows them does in any case.</summary>
    public bool DetectionHeads { get; init; } = true;

    /// <summary>The expressions, compiled.</summary>
    /// <exception cref="QuantizationException">One of them is no regular expression.</exception>
    internal IEnumerable<Regex> CompiledExpressions() => Expressions.Select(e =>
    {
        try
        {
            return new Regex(e, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (ArgumentException exception)
        {
            throw new QuantizationException($"'{e}' is no regular expression: {exception.Message}", exception);
        }
    });
}

/// <summary>Options of <see cref="PostTrainingQuantizer"/> and of the algorithms behind it.</summary>
public sealed record QuantizationOptions
{
    /// <summary>How activations are quantized.</summary>
    public QuantizationPreset Preset { get; init; }

    /// <summary>Number of calibration samples, spread evenly over the data set.</summary>
    public int SampleCount { get; init; } = 300;

    /// <summary>Nodes that stay f32.</summary>
    public IgnoredScope Ignored { get; init; } = new();

    /// <summary>Whether activation ranges are aligned between channels first (<see cref="ActivationChannelAlignment"/>).</summary>
    public bool AlignChannels { get; init; } = true;

    /// <summary>
    /// Strength with which outliers are moved from the inputs of matrix products into their weights
    /// (<see cref="SmoothQuant"/>), 0 to 1; null leaves them where they are.
    /// </summary>
    public double? SmoothQuantStrength { get; init; }

    /// <summary>How the shift that rounding gives to each output channel is taken out of the biases.</summary>
    public BiasCorrectionMode BiasCorrection { get; init; } = BiasCorrectionMode.Fast;

    /// <summary>
    /// How ranges of activations are chosen; null for the extremes (<see cref="RangeEstimation.MinMax"/>), or, in models with a
    /// detection head, for the smallest squared error, since a detector tells apart what lies close together, in activations with
    /// long tails.
    /// </summary>
    public RangeEstimation? Estimation { get; init; }

    /// <summary>Whether weights have a scale for each output channel, or one for the tensor.</summary>
    public bool PerChannelWeights { get; init; } = true;

    /// <summary>
    /// Whether activations that only depthwise convolutions read have a scale for each channel. Others cannot: a sum over channels needs one
    /// scale. The report names the sources of depthwise convolutions that keep one scale, and why.
    /// </summary>
    public bool PerChannelActivations { get; init; }

    /// <summary>Bits of the weights, 2 to 8.</summary>
    public int WeightBits { get; init; } = 8;

    /// <summary>Whether every scale is a power of two.</summary>
    public bool PowerOfTwoScales { get; init; }

    /// <summary>Precision of the layers that read the model's input.</summary>
    public LayerPrecision FirstLayer { get; init; }

    /// <summary>Precision of the layers that no others follow.</summary>
    public LayerPrecision LastLayer { get; init; }

    /// <summary>What the target CPU wants.</summary>
    public HardwareProfile Profile { get; init; } = HardwareProfile.Any;

    /// <summary>Bits and symmetry of activations.</summary>
    internal QuantizerTarget ActivationTarget => new(8, Preset == QuantizationPreset.Performance || !Profile.AsymmetricActivations);

    /// <summary>Bits and granularity of weights.</summary>
    internal WeightFormat WeightFormat =>
        new(Math.Min(WeightBits, Profile.WeightBits), PerChannelWeights && Profile.PerChannelWeights, PowerOfTwoScales,
            Profile.BoundsWeightPairs);
}
