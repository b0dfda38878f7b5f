// Convolutions and matrix products.
namespace Int8Runtime.Graph.Shapes;

/// <summary>Conv and ConvInteger.</summary>
internal sealed class ConvolutionShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        bool isInteger = operands.Node.OpType == "ConvInteger";
        if (!isInteger)
            operands.RequireOneType();
        ConvolutionView view = ConvolutionView.Of(operands);
        DataType type = isInteger ? DataType.Int32 : operands[0].ElementType;
        return [new(type, new[] { operands[0].Shape[0], operands[1].Shape[0] }.Concat(view.Window.Output).ToArray())];
    }
}

/// <summary>ConvTranspose.</summary>
internal sealed class TransposedConvolutionShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        operands.RequireOneType();
        TransposedConvolutionView view = TransposedConvolutionView.Of(operands);
        int channels = operands.Extent((long)operands[1].Shape[1] * view.Group);
        return [new(operands[0].ElementType, new[] { operands[0].Shape[0], channels }.Concat(view.Window.Output).ToArray())];
    }
}

/// <summary>MatMul and MatMulInteger.</summary>
internal sealed class MatMulShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        if (operands.Node.OpType == "MatMulInteger")
            return [new(DataType.Int32, MatMulView.Of(operands).Output)];
        operands.RequireOneType();
        return [new(operands[0].ElementType, MatMulView.Of(operands).Output)];
    }
}

/// <summary>Gemm.</summary>
internal sealed class GemmShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        operands.RequireOneType();
        GemmView view = GemmView.Of(operands);
        Shape output = new[] { view.M, view.N };
        if (operands.Has(2) && Broadcasting.Combine(operands, output, operands[2].Shape) != output)
            throw operands.Defect($"C of shape {operands[2].Shape} cannot be broadcast to {output}");
        return [new(operands[0].ElementType, output)];
    }
}
