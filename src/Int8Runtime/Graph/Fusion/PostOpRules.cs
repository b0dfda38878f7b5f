// Which operations take post-ops, and which they take.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Fusion;

/// <summary>The rules that the fusing passes share.</summary>
internal static class PostOpRules
{
    /// <summary>Whether the operation computes in f32 before it stores, and so can go on with post-ops.</summary>
    public static bool TakesPostOps(Operation operation) =>
        operation.OutputQuantization is null && operation.Output.Type == DataType.Float32
        && operation.PostOps.Count < PostOp.MaximumChainLength && IsProduct(operation);

    /// <summary>Whether the operation is a sum of products.</summary>
    public static bool IsProduct(Operation operation) => operation.Spec is ConvolutionSpec or InnerProductSpec or MatMulSpec;

    /// <summary>The dimension of the output channels: the last one of matrices, 1 otherwise.</summary>
    public static int ChannelAxis(Operation operation) =>
        operation.Spec is ConvolutionSpec ? 1 : operation.Output.Shape.Rank - 1;

    /// <summary>Whether a tensor holds one value for each channel and is broadcast over everything else.</summary>
    public static bool IsPerChannel(Shape operand, Shape result, int axis)
    {
        for (int d = 0; d < operand.Rank; d++)
        {
            int aligned = d + result.Rank - operand.Rank;
            if (operand[d] != (aligned == axis ? result[axis] : 1))
                return false;
        }

        return operand.Rank >= result.Rank - axis;
    }
}
