// Operators that pool regions of interest as layers.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Export;

internal static class RegionExport
{
    public static void Register(Dictionary<string, NodeExporter> table)
    {
        table.Add("MaxRoiPool", MaxRoiPool);
        table.Add("RoiAlign", RoiAlign);
    }

    private static void MaxRoiPool(NodeContext node)
    {
        (_, long[] extents) = node.ResultType();
        node.Emit("ROIPooling", 2, [node.Input(0), node.Input(1)],
            ("pooled_h", extents[2]), ("pooled_w", extents[3]), ("spatial_scale", node.Attributes.GetSingle("spatial_scale", 1)),
            ("method", "max"));
    }

    private static void RoiAlign(NodeContext node)
    {
        GraphAttributes attributes = node.Attributes;
        bool isHalfPixel = attributes.GetString("coordinate_transformation_mode", "half_pixel") == "half_pixel";
        (_, long[] extents) = node.ResultType();
        node.Emit("ROIAlign", 9, [node.Input(0), node.Input(1), node.Input(2)],
            ("pooled_h", extents[2]), ("pooled_w", extents[3]), ("sampling_ratio", attributes.GetInteger("sampling_ratio")),
            ("spatial_scale", attributes.GetSingle("spatial_scale", 1)), ("mode", attributes.GetString("mode", "avg")),
            ("aligned_mode", isHalfPixel ? "half_pixel" : "asymmetric"));
    }
}
