// From a convolution to depthwise convolutions, with nothing between that would keep a factor of a channel from passing.
namespace Int8Runtime.Graph.Passes;

/// <summary>
/// The way from a convolution to a value that only depthwise convolutions read. A quantizer of that value may have a scale for
/// each channel: the ratios of the scales go into the weights on both sides, so that the kernels see one scale.
/// </summary>
public sealed class ChannelPath
{
    private ChannelPath(IReadOnlyList<GraphNode> nodes, GraphNode? clip) => (Nodes, Clip) = (nodes, clip);

    /// <summary>The nodes from the last one back to the convolution, without <see cref="Clip"/>.</summary>
    public IReadOnlyList<GraphNode> Nodes { get; }

    /// <summary>A bound in front of the quantizer that goes away, because saturation does the same.</summary>
    public GraphNode? Clip { get; }

    /// <summary>Finds the way to a value.</summary>
    /// <param name="value">What the quantizer reads.</param>
    /// <param name="scales">A scale for each channel.</param>
    /// <param name="type">u8 or s8.</param>
    /// <param name="zeroPoint">The zero point of all channels.</param>
    /// <param name="obstacle">Why there is none; empty if there is one.</param>
    /// <returns>The way, or null where something on it does not commute with a positive factor of a channel.</returns>
    public static ChannelPath? Find(GraphValue value, float[] scales, DataType type, long zeroPoint, out string obstacle)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(scales);
        obstacle = "";
        if (!Array.TrueForAll(scales, s => float.IsFinite(s) && s > 0))
        {
            obstacle = "a scale is not positive";
            return null;
        }

        GraphNode? clip = AbsorbedClip(value, scales, type, zeroPoint);
        var nodes = new List<GraphNode>();
        for (GraphValue at = clip?.Input(0) ?? value; ; at = nodes[^1].Input(DataInput(nodes[^1])))
        {
            bool isSole = at == value || at.SoleConsumer == (nodes.Count > 0 ? nodes[^1] : clip);
            obstacle = at.Producer is not { } producer ? "no convolution comes before"
                : !isSole ? $"{at.Name} has other readers"
                : Commutes(producer, scales.Length) ? ""
                : $"{producer} does not pass on the factor of a channel";
            if (obstacle.Length > 0)
                return null;
            nodes.Add(at.Producer!);
            if (nodes[^1].Is("Conv"))
                return new ChannelPath(nodes, clip);
        }
    }

    /// <summary>
    /// The depthwise convolutions with constant weights that read a value of so many channels; null where anything else reads it.
    /// </summary>
    public static GraphNode[]? DepthwiseReaders(GraphValue value, int channels)
    {
        ArgumentNullException.ThrowIfNull(value);
        GraphNode[] readers = [.. value.Uses.Select(u => u.Node).Distinct()];
        bool all = readers.Length > 0 && !value.IsGraphOutput && Array.TrueForAll(readers, node =>
            node.Is("Conv") && node.Input(0) == value && !node.Inputs.Skip(1).Contains(value)
            && node.Attributes.GetInteger("group", 1) == channels
            && WeightsOf(node) is { } weights && weights.Shape[0] % channels == 0);
        return all ? readers : null;
    }

    /// <summary>The operand of a node that is not constant.</summary>
    internal static int DataInput(GraphNode node) =>
        node.OpType is "Add" or "Max" or "Min" or "Mul" && node.ConstantInput(0) is not null ? 1 : 0;

    /// <summary>
    /// The constant of an addition or bound, if it is a number or one number for each channel in the dimension before the last two.
    /// </summary>
    internal static TensorData? ChannelOperand(GraphNode node, int channels)
    {
        if (node.Inputs.Count != 2 || node.ConstantInput(1 - DataInput(node)) is not { ElementType: DataType.Float32 } constant)
            return null;
        bool isNumber = constant.ElementCount == 1;
        bool isPerChannel = constant.ElementCount == channels && constant.Rank >= 3 && constant.Shape[^3] == channels;
        return isNumber || isPerChannel ? constant : null;
    }

    /// <summary>Weights as constant, or as constant behind a dequantizer with one scale or one for each output.</summary>
    internal static TensorData? WeightsOf(GraphNode convolution) => ByOutput(convolution.Input(1), rank: 4);

    /// <summary>The bias in the same forms.</summary>
    internal static TensorData? BiasOf(GraphNode convolution) => ByOutput(convolution.Input(2), rank: 1);

    private static TensorData? ByOutput(GraphValue value, int rank)
    {
        if (value.Constant is { ElementType: DataType.Float32 } real)
            return real.Rank == rank ? real : null;
        return value.Producer is { } dequantize && dequantize.Is("DequantizeLinear")
            && dequantize.ConstantInput(0) is { } integers && integers.Rank == rank
            && dequantize.ConstantInput(1) is { ElementType: DataType.Float32 } scales
            && dequantize.OptionalInput(2) is null or { IsConstant: true }
            && (scales.ElementCount == 1
                || (scales.ElementCount == integers.Shape[0] && IsFirst(dequantize.Attributes.GetInteger("axis", 1), rank)))
            ? integers
            : null;
    }

    private static bool IsFirst(long axis, int rank) => axis == 0 || axis == -rank;

    // The Clip or Relu whose bounds lie at or beyond the first and last integer of every channel.
    private static GraphNode? AbsorbedClip(GraphValue value, float[] scales, DataType type, long zeroPoint)
    {
        if (value.Producer is not { } clip || !(clip.Is("Clip") || clip.Is("Relu")))
            return null;
        bool isRelu = clip.Is("Relu");
        if (!isRelu && (clip.OptionalInput(1) is { IsConstant: false } || clip.OptionalInput(2) is { IsConstant: false }))
            return null;
        double low = isRelu ? 0 : clip.ConstantInput(1)?.ToDoubleArray()[0] ?? double.NegativeInfinity;
        double high = isRelu ? double.PositiveInfinity : clip.ConstantInput(2)?.ToDoubleArray()[0] ?? double.PositiveInfinity;
        (int min, int max) = type.IntegerRange();
        return Array.TrueForAll(scales, s => Math.Round(low / s) + zeroPoint <= min && Math.Round(high / s) + zeroPoint >= max)
            ? clip
            : null;
    }

    private static bool Commutes(GraphNode node, int channels) => node.Domain.Length == 0 && node.OpType switch
    {
        "Conv" => WeightsOf(node) is { } weights && weights.Shape[0] == channels
            && (node.OptionalInput(2) is null || BiasOf(node) is not null),
        "Relu" or "LeakyRelu" or "MaxPool" or "AveragePool" => true,
        "PRelu" => node.OptionalInput(1) is { IsConstant: true },
        "Add" or "Max" or "Min" => ChannelOperand(node, channels) is not null,
        "Mul" => node.Inputs.Any(i => i is { IsConstant: true }),
        _ => false,
    };
}
