// Interpolate in its three versions.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class InterpolateLayers
{
    public static void Interpolate(LayerContext layer)
    {
        if (layer.Integers("pads_begin", []).Any(p => p != 0) || layer.Integers("pads_end", []).Any(p => p != 0))
            throw layer.Unsupported("pads while it interpolates");
        if (layer.Layer.OperatorSet < 4)
            ImportFirst(layer);
        else
            ImportLater(layer);
    }

    // Version 1: sizes of the axes in an attribute; positions are those that OpenVINO's own conversion to version 4 gives.
    private static void ImportFirst(LayerContext layer)
    {
        long[] axes = layer.Integers("axes");
        string mode = layer.Text("mode").ToLowerInvariant();
        if (mode is not ("nearest" or "linear"))
            throw layer.Unsupported($"interpolates in the way '{mode}'");
        bool isPlane = layer.Rank(0) == 4 && axes is [2, 3];
        string coordinates =
            layer.Boolean("align_corners", true) ? "align_corners" : mode == "linear" && !isPlane ? "half_pixel" : "asymmetric";
        var attributes = new GraphAttributes
        {
            { "mode", mode }, { "axes", axes }, { "coordinate_transformation_mode", coordinates },
        };
        if (mode == "nearest")
            attributes.Add("nearest_mode", Simple(layer));
        if (layer.Boolean("antialias", false) && mode == "linear")
            attributes.Add("antialias", 1);
        layer.Emit("Resize", [layer.Input(0), null, null, layer.IntegerList(1)], attributes);
    }

    // Version 4 has sizes, scales and axes as inputs, version 11 one input for sizes or scales.
    private static void ImportLater(LayerContext layer)
    {
        bool isNew = layer.Layer.OperatorSet >= 11;
        bool bySizes = layer.Text("shape_calculation_mode").ToLowerInvariant() == "sizes";
        string mode = layer.Text("mode").ToLowerInvariant();
        string kind = mode switch
        {
            "nearest" => "nearest",
            "linear" or "linear_onnx" => "linear",
            "cubic" => "cubic",
            _ => throw layer.Unsupported($"interpolates in the way '{mode}'"),
        };
        var attributes = new GraphAttributes
        {
            { "mode", kind },
            { "coordinate_transformation_mode", layer.Text("coordinate_transformation_mode", "half_pixel").ToLowerInvariant() },
        };
        if (kind == "nearest")
        {
            string rounding = layer.Text("nearest_mode", "round_prefer_floor").ToLowerInvariant();
            attributes.Add("nearest_mode", rounding == "simple" ? Simple(layer) : rounding);
        }

        if (kind == "cubic")
            attributes.Add("cubic_coeff_a", (float)layer.Real("cube_coeff", -0.75));
        if (kind != "nearest" && layer.Boolean("antialias", false))
            attributes.Add("antialias", 1);
        int axesIndex = isNew ? 2 : 3;
        if (layer.InputCount > axesIndex)
            attributes.Add("axes", layer.KnownConstant(axesIndex, "axes").ToInt64Array());
        GraphValue? sizes = bySizes ? layer.IntegerList(1) : null;
        GraphValue? scales = bySizes ? null : layer.Input(isNew ? 1 : 2);
        layer.Emit("Resize", [layer.Input(0), null, scales, sizes], attributes);
    }

    // The element above where the tensor shrinks, the one below where it grows.
    private static string Simple(LayerContext layer)
    {
        IReadOnlyList<long> source = layer.Dimensions(0), result = layer.Layer.Outputs[0].Dimensions;
        bool shrinks = source.Count == result.Count && source.Zip(result).Any(pair => pair.Second >= 0 && pair.Second < pair.First);
        return shrinks ? "ceil" : "floor";
    }
}
