// Operators that make tensors from shapes, numbers or other element types: Shape, Size, ConstantOfShape, Range,
// EyeLike, Cast.
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Evaluation;

internal static class ConstructionOperators
{
    public static TensorData ShapeOf(NodeOperands operands)
    {
        (int start, int end) = ShapeOfShape.RangeOf(operands);
        return TensorData.Vector<long>([.. operands[0].Shape[start..end].Select(extent => (long)extent)]);
    }

    public static TensorData SizeOf(NodeOperands operands) =>
        TensorData.Scalar((long)TensorData.CountElements(operands[0].Shape));

    public static TensorData ConstantOfShape(NodeOperands operands)
    {
        TensorType type = new ConstantOfShapeShape().Infer(operands)[0];
        TensorData value = operands.Attributes.GetTensor("value") ?? TensorData.Scalar(0f);
        if (value.ElementCount != 1)
            throw operands.Defect($"the value has {value.ElementCount} elements instead of one");
        return ElementCopy.Strided(value.Reshaped([]), type.Shape, 0, new int[type.Rank]);
    }

    public static TensorData Range(NodeOperands operands)
    {
        int count = RangeShape.CountOf(operands);
        DataType type = operands[0].ElementType;
        TensorData start = HostEvaluator.Content(operands, 0), delta = HostEvaluator.Content(operands, 2);
        if (type.IsFloatingPoint())
        {
            double first = start.ToDoubleArray()[0], step = delta.ToDoubleArray()[0];
            return TensorData.Vector<double>([.. Enumerable.Range(0, count).Select(i => first + i * step)]).ConvertTo(type);
        }
        long begin = start.ToInt64Array()[0], every = delta.ToInt64Array()[0];
        return TensorData.Vector<long>([.. Enumerable.Range(0, count).Select(i => begin + i * every)]).ConvertTo(type);
    }

    public static TensorData EyeLike(NodeOperands operands)
    {
        (DataType type, Shape shape) = new EyeShape().Infer(operands)[0];
        long diagonal = operands.Attributes.GetInteger("k");
        TensorData result = TensorData.Allocate(DataType.UInt8, shape, out Span<byte> elements);
        for (int row = 0; row < shape[0]; row++)
        {
            long column = row + diagonal;
            if (column >= 0 && column < shape[1])
                elements[(int)(row * shape[1] + column)] = 1;
        }
        return result.ConvertTo(type);
    }

    public static TensorData Cast(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        DataType type = new CastShape().Infer(operands)[0].ElementType;
        if (type == DataType.Float8E8M0)
            return TensorDataConversions.ToPowersOfTwo(source, operands.Attributes.GetString("round_mode", "up"));
        return MiniFloat.Of(type) is not null && !operands.Attributes.GetBoolean("saturate", true)
            ? TensorDataConversions.ToMiniFloat(source, type, saturate: false)
            : source.ConvertTo(type);
    }
}
