// Gathering by indices, and tensors made from numbers.
namespace Int8Runtime.Graph.Shapes;

/// <summary>Gather: the indices replace the axis.</summary>
internal sealed class GatherShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        int axis = operands.AxisAttribute(0, source.Rank);
        return [operands[0] with { Shape = source[..axis].Concat(operands[1].Shape).Concat(source[(axis + 1)..]).ToArray() }];
    }
}

/// <summary>GatherElements: the shape of the indices.</summary>
internal sealed class GatherElementsShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        RequireIndices(operands);
        return [operands[0] with { Shape = operands[1].Shape }];
    }

    /// <summary>An index for each element along the axis; in other dimensions the indices do not reach beyond the source.</summary>
    /// <exception cref="ModelFormatException">They do not fit.</exception>
    public static void RequireIndices(NodeOperands operands)
    {
        Shape source = operands[0].Shape, indices = operands[1].Shape;
        bool fits = source.Rank == indices.Rank;
        int axis = fits ? operands.AxisAttribute(0, source.Rank) : 0;
        for (int d = 0; d < source.Rank && fits; d++)
            fits = d == axis || indices[d] <= source[d];
        if (!fits)
            throw operands.Defect($"source {source} and indices {indices} do not fit");
        operands.RequireIntegers(1, "indices");
    }
}

/// <summary>ScatterElements and ScatterND: the source, in which updates of its type go to the places that indices name.</summary>
internal sealed class ScatterShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        Shape source = operands[0].Shape, indices = operands[1].Shape, updates = operands[2].Shape;
        operands.RequireIntegers(1, "indices");
        if (operands[2].ElementType != operands[0].ElementType)
            throw operands.Defect($"the element types {operands[0].ElementType} and {operands[2].ElementType} differ");
        if (operands.Node.Is("ScatterElements"))
            GatherElementsShape.RequireIndices(operands);
        bool fits = operands.Node.Is("ScatterElements") ? updates == indices
            : indices.Rank > 0 && indices[^1] <= source.Rank && updates == indices[..^1].Concat(source[indices[^1]..]).ToArray();
        return fits ? [operands[0]] : throw operands.Defect($"source {source}, indices {indices} and updates {updates} do not fit");
    }
}

/// <summary>GatherND: the last dimension of the indices selects among the dimensions behind the batch
/// dimensions.</summary>
internal sealed class GatherNDShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        Shape source = operands[0].Shape, indices = operands[1].Shape;
        int batch = operands.Attributes.GetInt32("batch_dims");
        if (indices.Rank == 0 || batch < 0 || batch >= Math.Min(source.Rank, indices.Rank) || batch + indices[^1] > source.Rank)
            throw operands.Defect($"source {source}, indices {indices} and {batch} batch dimensions do not fit");
        return [operands[0] with { Shape = indices[..^1].Concat(source[(batch + indices[^1])..]).ToArray() }];
    }
}

/// <summary>Shape and Size.</summary>
internal sealed class ShapeOfShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        if (operands.Node.OpType == "Size")
            return [new(DataType.Int64, [])];
        (int start, int end) = RangeOf(operands);
        return [new(DataType.Int64, [end - start])];
    }

    /// <summary>The dimensions that a Shape node reports.</summary>
    public static (int Start, int End) RangeOf(NodeOperands operands)
    {
        int rank = operands[0].Rank;
        int start = Clamp(operands.Attributes.GetInteger("start")), end = Clamp(operands.Attributes.GetInteger("end", rank));
        return (start, Math.Max(start, end));

        int Clamp(long index) => (int)Math.Clamp(index < 0 ? index + rank : index, 0, rank);
    }
}

/// <summary>ConstantOfShape.</summary>
internal sealed class ConstantOfShapeShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        DataType type = operands.Attributes.GetTensor("value")?.ElementType ?? DataType.Float32;
        return [new(type, Array.ConvertAll(operands.KnownValue(0, "target shape").ToInt64Array(), operands.Extent))];
    }
}

/// <summary>Range.</summary>
internal sealed class RangeShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) => [new(operands[0].ElementType, [CountOf(operands)])];

    /// <summary>The number of elements: ceil((limit − start) / delta), at least 0.</summary>
    public static int CountOf(NodeOperands operands)
    {
        double start = Number(0, "start"), limit = Number(1, "limit"), delta = Number(2, "step");
        double count = Math.Max(Math.Ceiling((limit - start) / delta), 0);
        return count < int.MaxValue
            ? (int)count
            : throw operands.Defect($"the range from {start} to {limit} in steps of {delta} is endless");

        double Number(int index, string role) => operands.Scalar(index, role) ?? throw operands.Defect($"the {role} is missing");
    }
}

/// <summary>OneHot: a new axis of the given depth.</summary>
internal sealed class OneHotShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        Shape indices = operands[0].Shape;
        int axis = operands.AxisAttribute(-1, indices.Rank + 1);
        double depth = operands.Scalar(1, "depth") ?? throw operands.Defect("the depth is missing");
        if (!(depth is >= 0 and < int.MaxValue))
            throw operands.Defect($"the depth {depth} is out of range");
        return [new(operands[2].ElementType, indices[..axis].Append((int)depth).Concat(indices[axis..]).ToArray())];
    }
}
