// Poolings, and reductions: over exactly the spatial dimensions they are poolings.
namespace Int8Runtime.Graph.Lowering;

/// <summary>MaxPool, AveragePool and their global forms.</summary>
internal sealed class PoolingLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } = ["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0);
        if (!CanPool(source))
            context.EmitHost(node, $"no primitive pools {source.Edge}");
        else if (node.OpType is "MaxPool" or "AveragePool")
            LowerWindow(node, context, source);
        else
            context.Emit(node, GlobalPooling(source, node.Is("GlobalMaxPool")), source);
    }

    /// <summary>Whether there are pooling primitives for the type and rank.</summary>
    public static bool CanPool(Operand source) =>
        (source.Edge.Type == DataType.Float32 || source.Edge.Type.IsInt8()) && source.Shape.Rank is >= 3 and <= 5;

    /// <summary>The pooling of all spatial dimensions.</summary>
    public static PoolingSpec GlobalPooling(Operand source, bool maximum)
    {
        int rank = source.Shape.Rank - 2;
        Shape ones = Shape.Filled(rank, 1), zeros = Shape.Filled(rank, 0);
        return new PoolingSpec(
            maximum ? PoolingAlgorithm.Max : PoolingAlgorithm.AverageExcludePadding, source.Shape[2..], ones, ones, zeros, zeros);
    }

    private static void LowerWindow(GraphNode node, LoweringContext context, Operand source)
    {
        if (node.Outputs.Count > 1 && (node.Outputs[1].Uses.Count > 0 || node.Outputs[1].IsGraphOutput))
        {
            context.EmitHost(node, "the indices of the maxima are used");
            return;
        }

        PoolingView view = PoolingView.Of(NodeOperands.Of(node));
        PoolingAlgorithm algorithm = node.Is("MaxPool") ? PoolingAlgorithm.Max
            : view.CountIncludePad ? PoolingAlgorithm.AverageIncludePadding
            : PoolingAlgorithm.AverageExcludePadding;
        SlidingWindow window = view.Window;
        context.Emit(node, new PoolingSpec(algorithm, window.Kernel, window.Strides, window.Dilations, window.PadBegin,
            window.PadEnd), source);
    }
}
