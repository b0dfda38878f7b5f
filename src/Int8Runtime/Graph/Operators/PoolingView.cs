// MaxPool, AveragePool and LpPool.
namespace Int8Runtime.Graph;

/// <summary>The parameters of a pooling node.</summary>
/// <param name="Window">The window.</param>
/// <param name="CountIncludePad">Whether padding counts in the divisor of an average.</param>
public sealed record PoolingView(SlidingWindow Window, bool CountIncludePad)
{
    /// <summary>Reads a pooling node over a source N, C, spatial….</summary>
    public static PoolingView Of(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        return source.Rank >= 3
            ? new PoolingView(SlidingWindow.Of(operands, source.Span[2..]), operands.Attributes.GetBoolean("count_include_pad"))
            : throw operands.Defect($"the source {source} must have at least 3 dimensions");
    }
}
