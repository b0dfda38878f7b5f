// Which tensors have channels last.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>
/// The layout of every tensor, decided before any step is planned: convolutions, poolings, resamplings and LRN read and write channels
/// last; matrix products are row-major; operations without an opinion follow what they read, transposed views included, or else what
/// their readers want.
/// </summary>
internal sealed class LayoutPlan
{
    private readonly HashSet<Edge> _channelsLast = [];

    private LayoutPlan()
    {
    }

    /// <summary>Whether the tensor has channels last; row-major otherwise.</summary>
    public bool IsChannelsLast(Edge edge) => _channelsLast.Contains(edge);

    public static LayoutPlan Of(OperationGraph graph)
    {
        var plan = new LayoutPlan();
        var wanted = new HashSet<Edge>();
        foreach (Operation operation in graph.Operations.Reverse())
        {
            if (!NeedsChannelsLast(operation.Spec) && !(IsNeutral(operation.Spec) && wanted.Contains(operation.Output)))
                continue;
            foreach (Operand? operand in operation.Spec is GridSampleSpec ? operation.Operands.Take(1) : operation.Operands)
            {
                if (operand is not null && operand.Shape.Rank == operation.Output.Shape.Rank)
                    wanted.Add(operand.Edge);
            }
        }

        foreach (Operation operation in graph.Operations)
        {
            if (operation.Output.Shape.Rank is < 3 or > 5)
                continue;
            bool follows = IsNeutral(operation.Spec)
                && (operation.Operands.Any(o => o is not null && plan._channelsLast.Contains(o.Edge)) || wanted.Contains(operation.Output));
            bool passes = operation.OptionalOperand(0) is { } source && (plan._channelsLast.Contains(source.Edge)
                ? operation.Spec is SliceSpec || (operation.Spec is ReshapeSpec && KeepsChannels(source.Shape, operation.Output.Shape))
                : operation.Spec is TransposeSpec transpose && MovesLastToChannels(transpose));
            if (NeedsChannelsLast(operation.Spec) || follows || passes)
                plan._channelsLast.Add(operation.Output);
        }

        return plan;
    }

    // A transpose is a view: tokens by features seen as features by tokens (or nhwc as nchw) have channels last.
    private static bool MovesLastToChannels(TransposeSpec spec)
    {
        bool moves = spec.Order[0] == 0 && spec.Order[1] == spec.Order.Length - 1;
        for (int d = 2; d < spec.Order.Length; d++)
            moves &= spec.Order[d] == d - 1;
        return moves;
    }

    // Spatial dimensions that are joined or divided leave the channels innermost.
    private static bool KeepsChannels(Shape source, Shape result) =>
        result.Rank >= 3 && source.Rank >= 3 && result[0] == source[0] && result[1] == source[1];

    private static bool NeedsChannelsLast(OperationSpec spec) =>
        spec is ConvolutionSpec or PoolingSpec or ResamplingSpec or GridSampleSpec or LrnSpec;

    private static bool IsNeutral(OperationSpec spec) =>
        spec is EltwiseSpec or BinarySpec or PReluSpec or SumSpec or SelectSpec or ConvertSpec or ConcatSpec or PadSpec or SoftmaxSpec
            or GroupNormalizationSpec;
}
