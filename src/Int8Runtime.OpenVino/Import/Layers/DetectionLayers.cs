// Layers of detectors.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class DetectionLayers
{
    /// <summary>Both kinds of prior boxes; their attributes are taken over.</summary>
    public static void PriorBox(LayerContext layer)
    {
        var attributes = new GraphAttributes();
        AddReals(layer, attributes, "min_size", "max_size", "aspect_ratio", "variance", "fixed_size", "fixed_ratio", "density",
            "width", "height");
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

    /// <summary>
    /// Selected boxes, from version 5 on with scores and their number. The layer sorts over all classes by default, where ONNX keeps
    /// the classes apart.
    /// </summary>
    public static void NonMaxSuppression(LayerContext layer)
    {
        if (layer.InputCount > 5 && !(layer.Constant(5) is { ElementCount: 1 } sigma && sigma.ToSingleArray()[0] == 0))
            throw layer.Unsupported("reduces scores gradually (soft_nms_sigma)");
        GraphValue Number(int index) => layer.InputCount > index
            ? layer.Step("Reshape", [layer.Input(index), layer.AddIntegers("list", 1)])
            : layer.AddConstant("threshold", TensorData.Vector(0f));
        GraphValue limit = layer.InputCount > 2 ? layer.IntegerList(2) : layer.AddIntegers("limit", 0);
        GraphValue boxes = layer.Step("NonMaxSuppression", [layer.Input(0), layer.Input(1), limit, Number(3), Number(4)],
            new GraphAttributes
        {
            { "center_point_box", layer.Text("box_encoding", "corner").ToLowerInvariant() == "center" },
        });
        GraphValue scores = layer.Step("GatherND", [layer.Input(1), boxes]);
        if (layer.Boolean("sort_result_descending", true))
        {
            GraphValue best = layer.Graph.AddValue(layer.Graph.UniqueValueName(layer.Layer.Name + ":best"));
            GraphValue order = layer.Graph.AddValue(layer.Graph.UniqueValueName(layer.Layer.Name + ":order"));
            layer.Graph.AddNode("TopK", [scores, layer.Step("Shape", [scores])], [best, order], new GraphAttributes { { "axis", 0 } });
            boxes = layer.Step("Gather", [boxes, order], new GraphAttributes { { "axis", 0 } });
            scores = best;
        }

        long type = layer.TypeCode("output_type", "i64");
        GraphValue Typed(GraphValue value) =>
            type == ElementTypeCodes.ToCode(DataType.Int64) ? value : layer.Step("Cast", [value], new GraphAttributes { { "to", type } });
        layer.Pass(Typed(boxes));
        if (layer.Layer.Outputs.Count < 3)
            return;
        GraphValue places = layer.Cast(
            layer.Step("Slice", [boxes, layer.AddIntegers("first", 0), layer.AddIntegers("end", 2), layer.AddIntegers("columns", 1)]),
            DataType.Float32);
        GraphValue column = layer.Step("Unsqueeze", [scores, layer.AddIntegers("column", 1)]);
        layer.Pass(layer.Step("Concat", [places, column], new GraphAttributes { { "axis", 1 } }), 1);
        layer.Pass(Typed(layer.Step("Shape", [scores])), 2);
    }

    /// <summary>
    /// Corners are pixels. Version 9 can take half a pixel off the scaled corners (<c>half_pixel_for_nn</c>, which ONNX calls half_pixel),
    /// or scale those of pixels whose centres are at halves (<c>half_pixel</c>). Maxima are those of samples, where ONNX
    /// takes the largest product of a pixel and its weight, so they are an operator of OpenVINO's own.
    /// </summary>
    public static void RoiAlign(LayerContext layer)
    {
        string aligned = layer.Layer.OperatorSet >= 9 ? layer.Text("aligned_mode", "asymmetric").ToLowerInvariant() : "asymmetric",
            mode = layer.Text("mode").ToLowerInvariant();
        if (aligned is not ("asymmetric" or "half_pixel" or "half_pixel_for_nn"))
            throw layer.Unsupported($"has the aligned_mode '{aligned}'");
        if (mode is not ("avg" or "max"))
            throw layer.Unsupported($"has the mode '{mode}'");
        GraphValue regions = layer.Input(1);
        if (aligned == "half_pixel")
            regions = layer.Step("Add", [regions, layer.AddScalar("half", 0.5f)]);
        (long rows, long columns, long ratio) = (layer.Integer("pooled_h"), layer.Integer("pooled_w"), layer.Integer("sampling_ratio"));
        double scale = layer.Real("spatial_scale");
        if (mode == "avg")
        {
            layer.Emit("RoiAlign", [layer.Input(0), regions, layer.Input(2)], new GraphAttributes
            {
                { "output_height", rows }, { "output_width", columns }, { "sampling_ratio", ratio }, { "spatial_scale", scale },
                { "mode", mode }, { "coordinate_transformation_mode", aligned == "asymmetric" ? "output_half_pixel" : "half_pixel" },
            });
        }
        else
        {
            layer.Emit("ROIAlign", [layer.Input(0), regions, layer.Input(2)], new GraphAttributes
            {
                { "pooled_h", rows }, { "pooled_w", columns }, { "sampling_ratio", ratio }, { "spatial_scale", scale }, { "mode", mode },
                { "aligned_mode", aligned == "asymmetric" ? aligned : "half_pixel_for_nn" },
            }, OperatorDomains.OpenVino);
        }
    }

    /// <summary>Boxes of a region proposal network; where the layer has a second output, with their probabilities.</summary>
    public static void Proposal(LayerContext layer)
    {
        var attributes = new GraphAttributes();
        AddIntegers(layer, attributes, "base_size", "pre_nms_topn", "post_nms_topn", "feat_stride", "min_size");
        AddReals(layer, attributes, "ratio", "scale");
        AddNumbers(layer, attributes, "nms_thresh", "box_size_scale", "box_coordinate_scale");
        AddFlags(layer, attributes, "clip_before_nms", "clip_after_nms", "normalize");
        if (layer.Has("framework"))
            attributes.Add("framework", layer.Text("framework").ToLowerInvariant());
        layer.EmitMany(
            "Proposal", Math.Min(layer.Layer.Outputs.Count, 2), [layer.Input(0), layer.Input(1), layer.Input(2)], attributes,
            OperatorDomains.OpenVino);
    }

    /// <summary>
    /// With the method <c>max</c> this is MaxRoiPool of ONNX; its corners are pixels, those of <c>bilinear</c> are fractions.
    /// </summary>
    public static void RoiPooling(LayerContext layer)
    {
        string method = layer.Text("method", "max").ToLowerInvariant();
        (long rows, long columns) = (layer.Integer("pooled_h"), layer.Integer("pooled_w"));
        switch (method)
        {
            case "max":
                layer.Emit("MaxRoiPool", [layer.Input(0), layer.Input(1)],
                    new GraphAttributes { { "pooled_shape", new[] { rows, columns } }, { "spatial_scale", layer.Real("spatial_scale") } });
                break;
            case "bilinear":
                layer.Emit("ROIPooling", [layer.Input(0), layer.Input(1)], new GraphAttributes
                {
                    { "pooled_h", rows }, { "pooled_w", columns }, { "spatial_scale", layer.Real("spatial_scale") }, { "method", method },
                }, OperatorDomains.OpenVino);
                break;
            default:
                throw layer.Unsupported($"has the method '{method}'");
        }
    }

    public static void PositionSensitivePooling(LayerContext layer)
    {
        var attributes = new GraphAttributes { { "mode", layer.Text("mode", "average").ToLowerInvariant() } };
        AddIntegers(layer, attributes, "output_dim", "group_size", "spatial_bins_x", "spatial_bins_y");
        AddNumbers(layer, attributes, "spatial_scale");
        layer.Emit("PSROIPooling", [layer.Input(0), layer.Input(1)], attributes, OperatorDomains.OpenVino);
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
