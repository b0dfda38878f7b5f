// Operators that move, repeat, join or cut.
namespace Int8Runtime.Graph.Shapes;

/// <summary>Reshape, Flatten, Squeeze and Unsqueeze.</summary>
internal sealed class ReshapeShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) => [operands[0] with { Shape = TargetOf(operands) }];

    /// <summary>The target shape of any of the four operators.</summary>
    public static Shape TargetOf(NodeOperands operands) => operands.Node.OpType switch
    {
        "Reshape" => ReshapeView.Reshape(operands),
        "Flatten" => ReshapeView.Flatten(operands),
        "Squeeze" => ReshapeView.Squeeze(operands),
        _ => ReshapeView.Unsqueeze(operands),
    };
}

/// <summary>Transpose.</summary>
internal sealed class TransposeShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) =>
        [operands[0] with { Shape = TransposeView.Of(operands).Apply(operands[0].Shape) }];
}

/// <summary>Expand: broadcast with the target shape.</summary>
internal sealed class ExpandShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        long[] target = operands.KnownValue(1, "target shape").ToInt64Array();
        return [operands[0] with { Shape = Broadcasting.Combine(operands, operands[0].Shape, Array.ConvertAll(target, operands.Extent)) }];
    }
}

/// <summary>Tile.</summary>
internal sealed class TileShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        long[] repeats = operands.KnownValue(1, "repeats").ToInt64Array();
        if (repeats.Length != source.Rank)
            throw operands.Defect($"there are {repeats.Length} repeats for {source.Rank} dimensions");
        return [operands[0] with { Shape = repeats.Select((r, i) => operands.Extent(operands.Extent(r) * (long)source[i])).ToArray() }];
    }
}

/// <summary>DepthToSpace and SpaceToDepth.</summary>
internal sealed class DepthSpaceShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        long block = operands.Attributes.GetInteger("blocksize");
        if (source.Rank != 4 || block is < 1 or > short.MaxValue)
            throw operands.Defect($"the source {source} and blocks of {block} do not fit");
        bool toSpace = operands.Node.OpType == "DepthToSpace";
        long area = block * block;
        if (toSpace ? source[1] % area != 0 : source[2] % block != 0 || source[3] % block != 0)
            throw operands.Defect($"{source} cannot be divided into blocks of {block}");
        long[] extents = toSpace
            ? [source[0], source[1] / area, source[2] * block, source[3] * block]
            : [source[0], source[1] * area, source[2] / block, source[3] / block];
        return [operands[0] with { Shape = Array.ConvertAll(extents, operands.Extent) }];
    }
}

/// <summary>Concat.</summary>
internal sealed class ConcatShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        operands.RequireOneType();
        TensorType first = operands[0];
        int axis = operands.AxisAttribute(0, first.Rank);
        long extent = 0;
        for (int i = 0; i < operands.Count; i++)
        {
            Shape part = operands[i].Shape;
            if (part.Rank != first.Rank || part.With(axis, 0) != first.Shape.With(axis, 0))
                throw operands.Defect($"the shapes {first.Shape} and {part} differ in more than axis {axis}");
            extent += part[axis];
        }
        return [first with { Shape = first.Shape.With(axis, operands.Extent(extent)) }];
    }
}

/// <summary>Split.</summary>
internal sealed class SplitShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        SplitView view = SplitView.Of(operands);
        return [.. view.Sizes.Select(size => operands[0] with { Shape = operands[0].Shape.With(view.Axis, size) })];
    }
}

/// <summary>Slice.</summary>
internal sealed class SliceShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) => [operands[0] with { Shape = SliceView.Of(operands).Counts }];
}

/// <summary>Pad.</summary>
internal sealed class PadShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) =>
        [operands[0] with { Shape = PadView.Of(operands).Apply(operands) }];
}

/// <summary>Resize.</summary>
internal sealed class ResizeShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) => [operands[0] with { Shape = ResizeView.Of(operands).Output }];
}
