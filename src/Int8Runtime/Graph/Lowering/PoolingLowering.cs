// Poolings, and reductions over exactly the spatial dimensions.
namespace Int8Runtime.Graph.Lowering;

/// <summary>MaxPool, AveragePool, their global forms, and ReduceMean or ReduceMax over the spatial dimensions.</summary>
internal sealed class PoolingLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } =
        ["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0);
        if ((source.Edge.Type != DataType.Float32 && !source.Edge.Type.IsInt8()) || source.Shape.Rank is < 3 or > 5)
        {
            context.EmitHost(node, $"no primitive pools {source.Edge}");
            return;
        }

        if (node.OpType is "MaxPool" or "AveragePool")
            LowerWindow(node, context, source);
        else
            LowerReduction(node, context, source);
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
        context.Emit(node, new PoolingSpec(algorithm, window.Kernel, window.Strides, window.Dilations, window.PadBegin, window.PadEnd), source);
    }

    private static void LowerReduction(GraphNode node, LoweringContext context, Operand source)
    {
        NodeOperands operands = NodeOperands.Of(node);
        bool isGlobal = node.OpType.StartsWith("Global", StringComparison.Ordinal);
        ReduceView view = isGlobal ? ReduceView.OfGlobalPooling(operands) : ReduceView.Of(operands);
        int rank = source.Shape.Rank - 2;
        if (!view.Axes.SequenceEqual(Enumerable.Range(2, rank)))
        {
            context.EmitHost(node, $"the reduction is over the dimensions {string.Join(", ", view.Axes)} and not exactly over the spatial ones");
            return;
        }

        Shape ones = Shape.Filled(rank, 1), zeros = Shape.Filled(rank, 0);
        PoolingAlgorithm algorithm = node.OpType is "GlobalMaxPool" or "ReduceMax" ? PoolingAlgorithm.Max : PoolingAlgorithm.AverageExcludePadding;
        var spec = new PoolingSpec(algorithm, source.Shape[2..], ones, ones, zeros, zeros);
        if (view.KeepDimensions)
        {
            context.Emit(node, spec, source);
            return;
        }

        Shape pooled = [source.Shape[0], source.Shape[1], .. ones];
        context.Emit(node, new ReshapeSpec(), new Operand(context.EmitStep(node, spec, node.Output.ElementType, pooled, source).Output));
    }
}
