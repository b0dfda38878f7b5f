// Operators whose result has the shape of an operand, or the broadcast shape of all.
namespace Int8Runtime.Graph.Shapes;

/// <summary>The shape of the first operand; its element type too, unless one is given.</summary>
internal sealed class SameShape(DataType? elementType = null) : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) =>
        [operands[0] with { ElementType = elementType ?? operands[0].ElementType }];
}

/// <summary>Dropout: the source and a mask of Booleans.</summary>
internal sealed class DropoutShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) =>
        [operands[0], operands[0] with { ElementType = DataType.Boolean }];
}

/// <summary>Cast by an attribute, CastLike by the second operand.</summary>
internal sealed class CastShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        DataType type = operands.Node.OpType == "CastLike"
            ? operands[1].ElementType
            : ElementTypeCodes.ToDataType(operands.Attributes.GetInteger("to"), operands.Node.ToString());
        return [operands[0] with { ElementType = type }];
    }
}

/// <summary>EyeLike: the source's shape, and its type unless the node names another.</summary>
internal sealed class EyeShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        long code = operands.Attributes.GetInteger("dtype");
        DataType type = code == 0 ? operands[0].ElementType : ElementTypeCodes.ToDataType(code, operands.Node.ToString());
        return operands[0].Rank == 2 ? [operands[0] with { ElementType = type }] : throw operands.Defect($"{operands[0].Shape} is no matrix");
    }
}

/// <summary>LayerNormalization: the result, then mean and inverse deviation with an extent of 1 from the axis
/// on.</summary>
internal sealed class LayerNormalizationShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        int axis = operands.AxisAttribute(-1, source.Rank);
        Shape statistics = Enumerable.Range(0, source.Rank).Select(i => i < axis ? source[i] : 1).ToArray();
        var type = new TensorType(DataType.Float32, statistics);
        return [operands[0], type, type];
    }
}

/// <summary>QuantizeLinear: the type of the zero point.</summary>
internal sealed class QuantizeShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) =>
        [operands[0] with { ElementType = QuantizationView.IntegerTypeOf(operands) }];
}

/// <summary>DequantizeLinear: the type of the scale.</summary>
internal sealed class DequantizeShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) => [operands[0] with { ElementType = operands[1].ElementType }];
}

/// <summary>DynamicQuantizeLinear: integers, scale and zero point.</summary>
internal sealed class DynamicQuantizeShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) =>
        [operands[0] with { ElementType = DataType.UInt8 }, new(DataType.Float32, []), new(DataType.UInt8, [])];
}

/// <summary>The broadcast shape of all operands; the element type of the first one, unless one is given.</summary>
internal sealed class BroadcastShape(DataType? elementType = null) : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        if (operands.Node.OpType != "Pow")   // the exponent may be of another type
            operands.RequireOneType();
        return [new(elementType ?? operands[0].ElementType, Broadcasting.CombineAll(operands))];
    }
}

/// <summary>Where: condition, then the two alternatives.</summary>
internal sealed class WhereShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        operands.RequireBoolean(0, "condition");
        operands.RequireOneType(first: 1);
        return [new(operands[1].ElementType, Broadcasting.CombineAll(operands))];
    }
}

/// <summary>Not.</summary>
internal sealed class NegationShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        operands.RequireBoolean(0, "operand");
        return [operands[0]];
    }
}

/// <summary>PRelu: the slopes are broadcast to the source.</summary>
internal sealed class SlopesShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        operands.RequireOneType();
        return Broadcasting.CombineAll(operands) == operands[0].Shape
            ? [operands[0]]
            : throw operands.Defect($"slopes of shape {operands[1].Shape} cannot be broadcast to the source {operands[0].Shape}");
    }
}

/// <summary>Clip: bounds are single numbers of the source's type.</summary>
internal sealed class ClipShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        operands.RequireOneType();
        for (int i = 1; i < operands.Count; i++)
        {
            if (operands.Has(i) && operands[i].Shape.ElementCount != 1)
                throw operands.Defect($"a bound of shape {operands[i].Shape} is no single number");
        }

        return [operands[0]];
    }
}
