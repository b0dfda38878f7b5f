// Which tensors have channels last.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>
/// The layout of every tensor, decided before any step is planned: convolutions, poolings, resamplings and LRN read and write channels
/// last; matrix products are row-major; operations without an opinion follow what they read, or else what their readers want.
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
            foreach (Operand? operand in operation.Operands)
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
            bool passes = operation.Spec is SliceSpec && plan._channelsLast.Contains(operation[0].Edge);
            if (NeedsChannelsLast(operation.Spec) || follows || passes)
                plan._channelsLast.Add(operation.Output);
        }

        return plan;
    }

    private static bool NeedsChannelsLast(OperationSpec spec) => spec is ConvolutionSpec or PoolingSpec or ResamplingSpec or LrnSpec;

    private static bool IsNeutral(OperationSpec spec) =>
        spec is EltwiseSpec or BinarySpec or ConvertSpec or ConcatSpec or PadSpec or SoftmaxSpec;
}
