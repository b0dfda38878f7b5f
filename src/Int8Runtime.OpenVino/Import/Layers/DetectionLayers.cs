// Layers of detectors.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class DetectionLayers
{
    /// <summary>Both kinds of prior boxes; their attributes are taken over.</summary>
    public static void PriorBox(LayerContext layer)
    {
        var attributes = new GraphAttributes();
        AddReals(layer, attributes, "min_size", "max_size", "aspect_ratio", "variance", "fixed_size", "fixed_ratio", "density", "width", "height");
        AddFlags(layer, attributes, "flip", "clip", "scale_all_sizes", "min_max_aspect_ratios_order");
        AddNumbers(layer, attributes, "step", "step_w", "step_h", "offset");
        layer.Emit(layer.Layer.Type, [layer.Input(0), layer.Input(1)], attributes, OperatorDomains.OpenVino);
    }

    public static void DetectionOutput(LayerContext layer)
    {
        var attributes = new GraphAttributes { { "keep_top_k", layer.Integers("keep_top_k") } };
        AddIntegers(layer, attributes, "num_classes", "background_label_id", "top_k", "input_height", "input_width");
        AddFlags(layer, attributes,
            "variance_encoded_in_target", "share_location", "clip_after_nms", "clip_before_nms", "decrease_label_id", "normalized");
        AddNumbers(layer, attributes, "nms_threshold", "confidence_threshold", "objectness_score");
        if (layer.Has("code_type"))
            attributes.Add("code_type", layer.Text("code_type"));
        layer.Emit("DetectionOutput", layer.AllInputs(), attributes, OperatorDomains.OpenVino);
    }

    public static void RegionYolo(LayerContext layer)
    {
        var attributes = new GraphAttributes { { "mask", layer.Integers("mask", []) } };
        AddIntegers(layer, attributes, "axis", "end_axis", "coords", "classes", "num");
        AddFlags(layer, attributes, "do_softmax");
        AddReals(layer, attributes, "anchors");
        layer.Emit("RegionYolo", [layer.Input(0)], attributes, OperatorDomains.OpenVino);
    }

    /// <summary>Corners are normalized by the extents of the operand only where the model does it itself; this layer takes pixels.</summary>
    public static void RoiAlign(LayerContext layer)
    {
        bool isAligned = layer.Layer.OperatorSet >= 9 && layer.Text("aligned_mode", "asymmetric").ToLowerInvariant() is "half_pixel";
        if (layer.Layer.OperatorSet >= 9 && layer.Text("aligned_mode", "asymmetric").ToLowerInvariant() is "half_pixel_for_nn")
            throw layer.Unsupported("has the aligned_mode 'half_pixel_for_nn'");
        layer.Emit("RoiAlign", [layer.Input(0), layer.Input(1), layer.Input(2)], new GraphAttributes
        {
            { "output_height", layer.Integer("pooled_h") }, { "output_width", layer.Integer("pooled_w") },
            { "sampling_ratio", layer.Integer("sampling_ratio") }, { "spatial_scale", layer.Real("spatial_scale") },
            { "mode", layer.Text("mode").ToLowerInvariant() },
            { "coordinate_transformation_mode", isAligned ? "half_pixel" : "output_half_pixel" },
        });
    }

    private static void AddReals(LayerContext layer, GraphAttributes attributes, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (layer.Has(name))
                attributes.Add(name, layer.Reals(name));
        }
    }

    private static void AddNumbers(LayerContext layer, GraphAttributes attributes, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (layer.Has(name))
                attributes.Add(name, (float)layer.Real(name));
        }
    }

    private static void AddIntegers(LayerContext layer, GraphAttributes attributes, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (layer.Has(name))
                attributes.Add(name, layer.Integer(name));
        }
    }

    private static void AddFlags(LayerContext layer, GraphAttributes attributes, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (layer.Has(name))
                attributes.Add(name, layer.Boolean(name));
        }
    }
}
