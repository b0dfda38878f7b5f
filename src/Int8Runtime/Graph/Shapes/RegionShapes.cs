// Operators that pool regions of interest: one grid of cells for each region.
namespace Int8Runtime.Graph.Shapes;

/// <summary>RoiAlign, and ROIAlign of OpenVINO: the grid is that of two attributes.</summary>
internal sealed class RoiAlignShape(string rowsAttribute = "output_height", string columnsAttribute = "output_width") : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        Shape source = operands[0].Shape, regions = operands[1].Shape;
        if (source.Rank != 4 || regions.Rank != 2 || regions[1] != 4 || operands[2].Shape != [regions[0]])
            throw operands.Defect($"source {source}, regions {regions} and their batch indices {operands[2].Shape} do not fit");
        int rows = operands.Attributes.GetInt32(rowsAttribute, 1), columns = operands.Attributes.GetInt32(columnsAttribute, 1);
        return [operands[0] with { Shape = [regions[0], source[1], operands.Extent(rows), operands.Extent(columns)] }];
    }
}

/// <summary>MaxRoiPool: the grid is <c>pooled_shape</c>.</summary>
internal sealed class MaxRoiPoolShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) => operands.Attributes.GetInt32s("pooled_shape") is [var rows, var columns]
        ? [RegionGrid.Of(operands, operands[0].Shape.Rank == 4 ? operands[0].Shape[1] : 0, rows, columns)]
        : throw operands.Defect("pooled_shape must be two numbers");
}

/// <summary>ROIPooling of OpenVINO, where it interpolates: the grid is <c>pooled_h</c> by <c>pooled_w</c>.</summary>
internal sealed class RoiPoolingShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands) =>
    [
        RegionGrid.Of(operands, operands[0].Shape.Rank == 4 ? operands[0].Shape[1] : 0, operands.Attributes.GetInt32("pooled_h"),
            operands.Attributes.GetInt32("pooled_w")),
    ];
}

/// <summary>PSROIPooling of OpenVINO: <c>output_dim</c> channels in a grid of <c>group_size</c> by <c>group_size</c>.</summary>
internal sealed class PositionSensitivePoolingShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        int channels = operands.Attributes.GetInt32("output_dim"), size = operands.Attributes.GetInt32("group_size", 1);
        TensorType result = RegionGrid.Of(operands, channels, size, size);
        (int binsX, int binsY) = Bins(operands);
        long wanted = IsBilinear(operands) ? (long)binsX * binsY * channels : (long)size * size * channels;
        return operands[0].Shape[1] == wanted
            ? [result]
            : throw operands.Defect($"the source has {operands[0].Shape[1]} channels where {wanted} are read");
    }

    /// <summary>Whether cells are sampled, and not averaged.</summary>
    public static bool IsBilinear(NodeOperands operands) => operands.Attributes.GetString("mode", "average") switch
    {
        "average" => false,
        "bilinear" => true,
        var other => throw operands.Defect($"the mode '{other}' does not exist"),
    };

    /// <summary>The number of bins of a region, across and down.</summary>
    public static (int X, int Y) Bins(NodeOperands operands)
    {
        (int x, int y) = (operands.Attributes.GetInt32("spatial_bins_x", 1), operands.Attributes.GetInt32("spatial_bins_y", 1));
        return x > 0 && y > 0 ? (x, y) : throw operands.Defect($"{x} by {y} bins are none");
    }
}

/// <summary>What operators on rows [image, left, top, right, bottom] have in common.</summary>
internal static class RegionGrid
{
    /// <summary>[regions, channels, rows, columns] of the source's type.</summary>
    public static TensorType Of(NodeOperands operands, int channels, int rows, int columns)
    {
        Shape source = operands[0].Shape, regions = operands[1].Shape;
        if (source.Rank != 4 || regions.Rank != 2 || regions[1] != 5)
            throw operands.Defect($"source {source} and regions {regions} do not fit");
        return channels >= 0 && rows > 0 && columns > 0
            ? operands[0] with { Shape = [regions[0], channels, rows, columns] }
            : throw operands.Defect($"a grid of {channels} channels and {rows} by {columns} cells is none");
    }
}
