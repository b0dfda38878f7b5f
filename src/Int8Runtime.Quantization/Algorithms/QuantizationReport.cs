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

/// <summary>The weights of a layer that became integers while its arithmetic stayed f32.</summary>
/// <param name="Name">Name of the layer.</param>
/// <param name="OpType">Operator.</param>
/// <param name="Bits">Bits of an integer: 8 or 4.</param>
/// <param name="GroupSize">Inputs that share a scale and zero point; 0 where each output channel has one scale.</param>
/// <param name="Elements">Number of weights.</param>
/// <param name="Bytes">Bytes of integers, scales and zero points; as f32 the weights took four times <paramref name="Elements"/>.</param>
public sealed record StoredWeights(string Name, string OpType, int Bits, int GroupSize, long Elements, long Bytes);

/// <summary>What a quantization did.</summary>
/// <param name="Activations">Quantized activations.</param>
/// <param name="Nodes">All nodes of the prepared model.</param>
/// <param name="Samples">Number of samples that were observed.</param>
public sealed record QuantizationReport(
    IReadOnlyList<QuantizedActivation> Activations, IReadOnlyList<NodePrecision> Nodes, int Samples)
{
    /// <summary>What the algorithms did besides, one line each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The weights that became integers where only weights did (<see cref="WeightOnlyQuantizer"/>); otherwise empty.</summary>
    public IReadOnlyList<StoredWeights> StoredWeights { get; init; } = [];

    /// <summary>How fast the extremes of the activations settled: with every eighth, fourth, second and every sample.</summary>
    public IReadOnlyList<RangeConvergence> Convergence { get; init; } = [];

    /// <summary>Number of nodes that compute with int8 operands.</summary>
    public int QuantizedNodes => Nodes.Count(n => n.IsQuantized);
}

