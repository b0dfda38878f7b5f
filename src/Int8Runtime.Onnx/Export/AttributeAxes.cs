// Reductions whose axes are an input from operator set 18 on and an attribute before.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Export;

/// <summary>The reductions, ReduceSum excepted (its axes are an input since 13).</summary>
internal static class AttributeAxes
{
    /// <summary>The first operator set in which the axes are an input.</summary>
    public const int InputSince = 18;

    /// <summary>Whether the node is such a reduction.</summary>
    public static bool Applies(GraphNode node) => node.Domain.Length == 0 && node.OpType is
        "ReduceL1" or "ReduceL2" or "ReduceLogSum" or "ReduceLogSumExp" or "ReduceMax" or "ReduceMean" or "ReduceMin"
        or "ReduceProd" or "ReduceSumSquare";
}
