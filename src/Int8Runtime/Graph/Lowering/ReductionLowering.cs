// Reductions.
namespace Int8Runtime.Graph.Lowering;

/// <summary>
/// Every reduction but ReduceLogSumExp over known axes of f32, and GlobalLpPool; over exactly the spatial dimensions a mean or maximum
/// is a pooling, which fits between convolutions.
/// </summary>
internal sealed class ReductionLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } =
    [
        "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum",
        "GlobalLpPool",
    ];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0);
        NodeOperands operands = NodeOperands.Of(node);
        ReduceView view = node.Is("GlobalLpPool") ? ReduceView.OfGlobalPooling(operands) : ReduceView.Of(operands);
        bool pools = node.OpType is "ReduceMean" or "ReduceMax" && PoolingLowering.CanPool(source)
            && view.Axes.SequenceEqual(Enumerable.Range(2, source.Shape.Rank - 2));
        if (!pools && source.Edge.Type != DataType.Float32)
            context.EmitHost(node, $"no primitive reduces {source.Edge.Type.ToShortName()} as the operator demands");
        else if (source.Shape.ElementCount == 0)
            context.EmitHost(node, "the source is empty");
        else if (node.Is("GlobalLpPool") && (view.Axes.Count == 0 || node.Attributes.GetInteger("p", 2) < 1))
            context.EmitHost(node, "no primitive computes this norm");
        else if (view.Axes.Count == 0 && operands.Attributes.GetBoolean("noop_with_empty_axes"))
            context.Emit(node, new ReshapeSpec(), source);
        else
            LowerTo(node, context, source, view, pools ? PoolingLowering.GlobalPooling(source, node.Is("ReduceMax")) : SpecOf(node));
    }

    private static void LowerTo(GraphNode node, LoweringContext context, Operand source, ReduceView view, OperationSpec spec)
    {
        bool takesLogarithm = node.Is("ReduceLogSum");
        if (view.KeepDimensions && !takesLogarithm)
        {
            context.Emit(node, spec, source);
            return;
        }

        Shape reduced = (view with { KeepDimensions = true }).Apply(source.Shape);
        var result = new Operand(context.EmitStep(node, spec, node.Output.ElementType, reduced, source).Output);
        if (takesLogarithm)
            context.Emit(node, new EltwiseSpec(EltwiseAlgorithm.Log), context.Reshape(node, result, view.Apply(source.Shape)));
        else
            context.Emit(node, new ReshapeSpec(), result);
    }

    private static ReductionSpec SpecOf(GraphNode node) => node.OpType switch
    {
        "ReduceMean" => new ReductionSpec(ReductionAlgorithm.Mean),
        "ReduceMax" => new ReductionSpec(ReductionAlgorithm.Max),
        "ReduceMin" => new ReductionSpec(ReductionAlgorithm.Min),
        "ReduceProd" => new ReductionSpec(ReductionAlgorithm.Product),
        "ReduceL1" => new ReductionSpec(ReductionAlgorithm.NormPowerSum),
        "ReduceL2" => new ReductionSpec(ReductionAlgorithm.NormSum, 2),
        "GlobalLpPool" => new ReductionSpec(ReductionAlgorithm.NormSum, node.Attributes.GetInteger("p", 2)),
        "ReduceSumSquare" => new ReductionSpec(ReductionAlgorithm.NormPowerSum, 2),
        _ => new ReductionSpec(ReductionAlgorithm.Sum),
    };
}
