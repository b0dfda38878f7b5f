// Operators of detectors, and others that sample, as layers.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Export;

internal static class DetectionExport
{
    public static void Register(Dictionary<string, NodeExporter> table)
    {
        table.Add("GridSample", GridSample);
        table.Add("MaxRoiPool", MaxRoiPool);
        table.Add("RoiAlign", RoiAlign);
        table.Add("NonMaxSuppression", NonMaxSuppression);
    }

    private static void GridSample(NodeContext node)
    {
        GraphAttributes attributes = node.Attributes;
        (_, long[] extents) = node.ResultType();
        if (extents.Length != 4)
            throw node.Unsupported($"samples {extents.Length - 2} dimensions instead of 2");
        string mode = attributes.GetString("mode", "linear");
        node.Emit("GridSample", 9, [node.Input(0), node.Input(1)], ("align_corners", attributes.GetBoolean("align_corners")),
            ("mode", mode == "nearest" ? mode : "bi" + mode), ("padding_mode", attributes.GetString("padding_mode", "zeros")));
    }

    private static void MaxRoiPool(NodeContext node)
    {
        (_, long[] extents) = node.ResultType();
        node.Emit("ROIPooling", 2, [node.Input(0), node.Input(1)],
            ("pooled_h", extents[2]), ("pooled_w", extents[3]), ("spatial_scale", node.Attributes.GetSingle("spatial_scale", 1)),
            ("method", "max"));
    }

    // Half a pixel is taken off the scaled corners in ONNX, which OpenVINO calls half_pixel_for_nn.
    private static void RoiAlign(NodeContext node)
    {
        GraphAttributes attributes = node.Attributes;
        bool isHalfPixel = attributes.GetString("coordinate_transformation_mode", "half_pixel") == "half_pixel";
        if (attributes.GetString("mode", "avg") == "max")
            throw node.Unsupported("takes the largest product of a pixel and its weight, where OpenVINO takes the largest sample");
        (_, long[] extents) = node.ResultType();
        node.Emit("ROIAlign", 9, [node.Input(0), node.Input(1), node.Input(2)],
            ("pooled_h", extents[2]), ("pooled_w", extents[3]), ("sampling_ratio", attributes.GetInteger("sampling_ratio")),
            ("spatial_scale", attributes.GetSingle("spatial_scale", 1)), ("mode", "avg"),
            ("aligned_mode", isHalfPixel ? "half_pixel_for_nn" : "asymmetric"));
    }

    // Both order the boxes of each class by their scores and keep scores above the threshold; what ONNX may leave out is written.
    private static void NonMaxSuppression(NodeContext node)
    {
        (DataType, long[]) indices = node.ResultType();
        IrValue[] results = node.Model.Add("NonMaxSuppression", 9, node.Node.Output.Name + "/NonMaxSuppression",
            [
                ("box_encoding", node.Attributes.GetBoolean("center_point_box") ? "center" : "corner"),
                ("sort_result_descending", false), ("output_type", "i64"),
            ],
            [
                node.Input(0), node.Input(1), node.Has(2) ? node.Input(2) : node.Integers("limit", 0),
                node.Has(3) ? node.Input(3) : node.Number("overlap", 0),
                node.Has(4) ? node.Input(4) : node.Number("least", float.NegativeInfinity),
            ],
            indices, (DataType.Float32, indices.Item2), (DataType.Int64, [1]));
        node.Pass(results[0]);
    }
}
