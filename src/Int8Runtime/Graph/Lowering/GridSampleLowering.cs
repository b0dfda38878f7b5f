// GridSample of real numbers.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Sampling at computed points.</summary>
internal sealed class GridSampleLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } = ["GridSample"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0), grid = context.OperandOf(node, 1);
        GridSampleView view = GridSampleView.Of(NodeOperands.Of(node));
        if (source.Edge.Type != DataType.Float32 || grid.Edge.Type != DataType.Float32)
            context.EmitHost(node, $"no kernel samples {source.Edge.Type.ToShortName()} at points of {grid.Edge.Type.ToShortName()}");
        else if (view.Output.ElementCount == 0 || source.IsKnown())
            context.EmitHost(node, source.IsKnown() ? "the source is constant" : "the result is empty");
        else
            context.Emit(node, new GridSampleSpec(view), source, grid);
    }
}
