// Evaluation at load of what does not depend on the inputs of the model.
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Passes;

/// <summary>Replaces nodes whose operands are constants by their results.</summary>
public static class ConstantFolding
{
    /// <summary>The default limit for one folded tensor, in bytes. The largest fully connected layers of known
    /// classifiers stay below it; a larger result is computed at run time.</summary>
    public const long DefaultLimit = 1L << 30;

    /// <summary>Folds all nodes that can be, and removes what nothing needs any more.</summary>
    /// <param name="graph">The graph, in topological order.</param>
    /// <param name="limit">The largest result to fold, in bytes.</param>
    /// <returns>The number of nodes folded.</returns>
    /// <exception cref="ModelFormatException">A node does not fit its operands.</exception>
    public static int Run(ModelGraph graph, long limit = DefaultLimit)
    {
        int folded = 0;
        foreach (GraphNode node in graph.Nodes.ToArray())
        {
            if (!IsFoldable(node) || !HostEvaluator.TryGet(node, out IHostOperator? evaluator))
                continue;
            OperatorGuard.Run(node, () =>
            {
                NodeOperands operands = NodeOperands.Of(node);
                if (SizeOf(operands) > limit)
                    return;
                TensorData[] results = evaluator.Evaluate(operands);
                if (results.Length < node.Outputs.Count && node.Outputs.Skip(results.Length).Any(o => o.Uses.Count > 0 || o.IsGraphOutput))
                    return;
                graph.ReplaceByConstants(node, results);
                folded++;
            });
        }
        graph.RemoveDeadNodes();
        return folded;
    }

    /// <summary>Whether the node turns integers into real numbers, or real numbers into levels: it stays, because the integers
    /// are what the compiler wants. Those that no kernel multiplies, of other types, or of 4 bits and no weights, or with scales for
    /// blocks and no weights of matrix products, become real numbers when the model is compiled.</summary>
    internal static bool KeepsIntegers(GraphNode node) => FakeQuantizeConversion.IsFakeQuantize(node) || (node.Is("DequantizeLinear")
        && !(node.ConstantInput(0) is { } constant
            && (node.Attributes.GetInteger("block_size") > 0 || constant.ElementType.IsInt4()
                ? !AreWeights(node) : !(constant.ElementType.IsInt8() || constant.ElementType == DataType.Int32))));

    // Weights that only products read; those of convolutions have no blocks.
    private static bool AreWeights(GraphNode node)
    {
        bool isMatrix = node.Input(0).Constant is { Rank: 2 }, hasBlocks = node.Attributes.GetInteger("block_size") > 0;
        return !node.Output.IsGraphOutput && node.Output.Uses.All(u => u.InputIndex == 1
            && (isMatrix ? u.Node.Is("MatMul") || (u.Node.Is("Gemm") && !u.Node.Attributes.GetBoolean("transA"))
                : u.Node.Is("Conv") && !hasBlocks));
    }

    private static bool IsFoldable(GraphNode node)
    {
        if (KeepsIntegers(node))
            return false;
        if (node.OpType is "Shape" or "Size")
            return node.Domain.Length == 0 && node.OptionalInput(0)?.Shape is { IsStatic: true };
        return node.Inputs.All(input => input is null || input.IsConstant);
    }

    // Bytes of the largest result; where only the evaluation can tell, the results are no larger than the operands
    // allow.
    private static long SizeOf(NodeOperands operands) => OperatorShapes.TryGet(operands.Node, out IOperatorShape? shape)
        ? shape.Infer(operands).Max(t => (long)TensorData.CountElements(t.Shape) * t.ElementType.SizeInBytes())
        : 0;
}
