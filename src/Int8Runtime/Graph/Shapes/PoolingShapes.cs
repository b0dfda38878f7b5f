// Pooling, reductions and searches along axes.
namespace Int8Runtime.Graph.Shapes;

/// <summary>Pooling with a window; MaxPool may deliver indices as well.</summary>
internal sealed class PoolingShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        TensorType source = operands[0];
        Shape output = source.Shape[..2].Concat(PoolingView.Of(operands).Window.Output).ToArray();
        return [source with { Shape = output }, new(DataType.Int64, output)];
    }
}

/// <summary>Pooling of all spatial dimensions.</summary>
internal sealed class GlobalPoolingShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) =>
        [operands[0] with { Shape = ReduceView.OfGlobalPooling(operands).Apply(operands[0].Shape) }];
}

/// <summary>ReduceSum and its relatives.</summary>
internal sealed class ReductionShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) =>
        [operands[0] with { Shape = ReduceView.Of(operands).Apply(operands[0].Shape) }];
}

/// <summary>ArgMax and ArgMin.</summary>
internal sealed class ArgumentShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        int axis = operands.AxisAttribute(0, source.Rank);
        var view = new ReduceView([axis], operands.Attributes.GetBoolean("keepdims", true));
        return [new(DataType.Int64, view.Apply(source))];
    }
}

/// <summary>TopK: values and indices.</summary>
internal sealed class TopKShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        TensorType source = operands[0];
        int axis = operands.AxisAttribute(-1, source.Rank);
        double count = operands.Scalar(1, "k") ?? throw operands.Defect("k is missing");
        if (count < 0 || count > source.Shape[axis])
            throw operands.Defect($"k = {count} is out of range for the extent {source.Shape[axis]}");
        Shape output = source.Shape.With(axis, (int)count);
        return [source with { Shape = output }, new(DataType.Int64, output)];
    }
}
