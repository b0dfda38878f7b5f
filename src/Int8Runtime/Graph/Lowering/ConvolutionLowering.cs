// Conv and ConvInteger.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Convolutions; the integer form has a zero point but no scale.</summary>
internal sealed class ConvolutionLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } = ["Conv", "ConvInteger"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        ConvolutionView view = ConvolutionView.Of(NodeOperands.Of(node));
        Operand source = context.OperandOf(node, 0), weights = context.OperandOf(node, 1);
        if (source.Shape.Rank > 5)
        {
            context.EmitHost(node, "there are more than three spatial dimensions");
            return;
        }

        SlidingWindow window = view.Window;
        var spec = new ConvolutionSpec(window.Strides, window.Dilations, window.PadBegin, window.PadEnd, view.Group);
        if (node.Is("Conv"))
        {
            context.Emit(node, spec, source, weights, node.OptionalInput(2) is null ? null : context.OperandOf(node, 2));
            return;
        }

        if (IntegerOperands.Read(node, context, source, weights, weightsAxis: 0) is not { } operands)
        {
            context.EmitHost(node, "the zero points are not those of a tensor or of output channels");
            return;
        }

        context.Emit(node, spec, operands.Source, operands.Weights, null, operands.SourceZeroPoint);
    }
}
