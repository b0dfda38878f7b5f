// What the walk over a graph found: the channels of each value, the constants that hold one entry per channel, and the
// structural changes that removing channels asks for.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Pruning;

/// <summary>The channels of a value, along its axis 1.</summary>
/// <param name="Ids">An identity for each index.</param>
/// <param name="MayBeNonZero">Whether a removed channel would not be zero here, because of a function with f(0) ≠ 0.</param>
internal sealed record Channels(int[] Ids, bool MayBeNonZero);

/// <summary>A constant operand whose axis <paramref name="Axis"/> counts channels.</summary>
/// <param name="Node">The reader.</param>
/// <param name="Input">Index of the operand.</param>
/// <param name="Axis">The axis.</param>
/// <param name="Ids">The channels along the axis.</param>
/// <param name="IsZeroed">Whether the entries of a masked channel become zero.</param>
internal sealed record ChannelConstant(GraphNode Node, int Input, int Axis, int[] Ids, bool IsZeroed);

/// <summary>The result of <see cref="ChannelTracer"/>.</summary>
internal sealed class ChannelTrace
{
    /// <summary>The channels.</summary>
    public ChannelIdentities Identities { get; } = new();

    /// <summary>Constants with an entry per channel.</summary>
    public List<ChannelConstant> Constants { get; } = [];

    /// <summary>Changes of nodes that hold numbers of channels; each is told which identities stay.</summary>
    public List<Action<ModelGraph, Func<int, bool>>> Edits { get; } = [];

    /// <summary>The channels that each convolution produces.</summary>
    public Dictionary<GraphNode, int[]> Outputs { get; } = [];
}
