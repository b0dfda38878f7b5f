// What a quantization did and why.
namespace Int8Runtime.Quantization;

/// <summary>The quantization of one activation.</summary>
/// <param name="Name">Name of the value in the graph.</param>
/// <param name="Observed">Range seen during calibration, united over tensors that share their scale.</param>
/// <param name="Parameters">
/// Type, scale and zero point; the scale of the widest channel where <see cref="ChannelScales"/> are given.
/// </param>
/// <param name="SharesWith">Number of further tensors with the same parameters, because of a concatenation or a moving operator.</param>
public sealed record QuantizedActivation(string Name, ValueRange Observed, QuantizationParameters Parameters, int SharesWith)
{
    /// <summary>
    /// The scale of each channel (dimension 1), where they have scales of their own; the zero point is that of the tensor.
    /// </summary>
    public IReadOnlyList<float> ChannelScales { get; init; } = [];
}

/// <summary>One node and its precision.</summary>
/// <param name="Name">Name of the node.</param>
/// <param name="OpType">Operator.</param>
/// <param name="IsQuantized">True if it computes with int8 operands.</param>
/// <param name="Reason">Why it stays f32; empty if quantized.</param>
public sealed record NodePrecision(string Name, string OpType, bool IsQuantized, string Reason);

/// <summary>What a quantization did.</summary>
/// <param name="Activations">Quantized activations.</param>
/// <param name="Nodes">All nodes of the prepared model.</param>
/// <param name="Samples">Number of samples that were observed.</param>
public sealed record QuantizationReport(
    IReadOnlyList<QuantizedActivation> Activations, IReadOnlyList<NodePrecision> Nodes, int Samples)
{
    /// <summary>What the algorithms did besides, one line each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>How fast the extremes of the activations settled: with every eighth, fourth, second and every sample.</summary>
    public IReadOnlyList<RangeConvergence> Convergence { get; init; } = [];

    /// <summary>Number of nodes that compute with int8 operands.</summary>
    public int QuantizedNodes => Nodes.Count(n => n.IsQuantized);
}

