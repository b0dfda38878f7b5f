// Operators that read a source at given points.
namespace Int8Runtime.Graph.Shapes;

/// <summary>GridSample: the source's batch and channels, and the grid's points.</summary>
internal sealed class GridSampleShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) => [operands[0] with { Shape = GridSampleView.Of(operands).Output }];
}
