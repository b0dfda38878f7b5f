// Operators that move, select or count elements as layers.
using Int8Runtime.Graph;
using Int8Runtime.OpenVino.Import;

namespace Int8Runtime.OpenVino.Export;

internal static class LayoutExport
{
    public static void Register(Dictionary<string, NodeExporter> table)
    {
        table.Add("Reshape", static node => node.Emit("Reshape", 1, [node.Input(0), node.Input(1)],
            ("special_zero", !node.Attributes.GetBoolean("allowzero"))));
        table.Add("Flatten", Flatten);
        table.Add("Squeeze", static node => node.Emit("Squeeze", 1, node.AllInputs()));
        table.Add("Unsqueeze", static node => node.Emit("Unsqueeze", 1, node.AllInputs()));
        table.Add("Transpose", static node => node.Emit("Transpose", 1,
        [
            node.Input(0), node.Integers("order",
                node.Attributes.GetIntegers("perm") ?? [.. Enumerable.Range(0, node.Rank(0)).Reverse().Select(d => (long)d)]),
        ]));
        table.Add("Concat", static node => node.Emit("Concat", 1, node.AllInputs(), ("axis", node.Attributes.GetInteger("axis"))));
        table.Add("Split", Split);
        table.Add("Slice", Slice);
        table.Add("Pad", Pad);
        table.Add("Expand", static node => node.Emit("Broadcast", 3, node.AllInputs(), ("mode", "bidirectional")));
        table.Add("Tile", static node => node.Emit("Tile", 1, node.AllInputs()));
        table.Add("Shape", ShapeOf);
        table.Add("Range", static node => node.Emit("Range", 4, node.AllInputs(),
            ("output_type", IrElementTypes.AttributeName(node.ResultType().Type))));
        table.Add("ConstantOfShape", static node => node.Emit("Broadcast", 3,
        [
            node.Constant("value", (node.Attributes.GetTensor("value") ?? TensorData.Scalar(0f)).Reshaped([])), node.Input(0),
        ], ("mode", "numpy")));
        table.Add("DepthToSpace", static node => node.Emit("DepthToSpace", 1, [node.Input(0)],
            ("block_size", node.Attributes.GetInteger("blocksize")),
            ("mode", node.Attributes.GetString("mode", "DCR") == "CRD" ? "depth_first" : "blocks_first")));
        table.Add("SpaceToDepth", static node => node.Emit("SpaceToDepth", 1, [node.Input(0)],
            ("block_size", node.Attributes.GetInteger("blocksize")), ("mode", "blocks_first")));
        table.Add("Gather", static node => node.Emit("Gather", 8,
            [node.Input(0), node.Input(1), node.Constant("axis", TensorData.Scalar(node.Attributes.GetInteger("axis")))],
            ("batch_dims", 0L)));
        table.Add("GatherElements",
            static node => node.Emit("GatherElements", 6, node.AllInputs(), ("axis", node.Attributes.GetInteger("axis"))));
        table.Add("GatherND",
            static node => node.Emit("GatherND", 8, node.AllInputs(), ("batch_dims", node.Attributes.GetInteger("batch_dims"))));
        table.Add("ScatterND", static node => node.Emit("ScatterNDUpdate", 15, node.AllInputs(), ("reduction", Reduction(node))));
        table.Add("ScatterElements", static node => node.Emit("ScatterElementsUpdate", 12,
        [
            node.Input(0), node.Input(1), node.Input(2), node.Constant("axis", TensorData.Scalar(node.Attributes.GetInteger("axis"))),
        ], ("reduction", Reduction(node)), ("use_init_val", true)));
        table.Add("NonZero", static node => node.Emit("NonZero", 3, [node.Input(0)], ("output_type", "i64")));
        table.Add("OneHot", OneHot);
        table.Add("TopK", TopK);
        table.Add("ArgMax", static node => ArgExtreme(node, "max"));
        table.Add("ArgMin", static node => ArgExtreme(node, "min"));
        table.Add("Resize", Resize);
    }

    private static string Reduction(NodeContext node) => node.Attributes.GetString("reduction", "none") switch
    {
        "add" => "sum",
        "mul" => "prod",
        var same => same,
    };

    private static void Flatten(NodeContext node)
    {
        long[] source = node.Extents(0), result = node.ResultType().Extents;
        long axis = node.Attributes.GetInteger("axis", 1);
        int split = (int)(axis < 0 ? axis + source.Length : axis);
        // One of the two extents may be free.
        long[] target = result[0] < 0 && result[1] < 0 ? throw node.Unsupported("has two extents that are free")
            : split == 1 ? [0, -1] : result[0] < 0 ? [-1, result[1]] : [result[0], -1];
        node.Emit("Reshape", 1, [node.Input(0), node.Integers("shape", target)], ("special_zero", true));
    }

    private static void Split(NodeContext node)
    {
        long axis = node.Attributes.GetInteger("axis");
        int dimension = (int)(axis < 0 ? axis + node.Rank(0) : axis);
        long[] lengths = [.. Enumerable.Range(0, node.Node.Outputs.Count).Select(i => node.ResultType(i).Extents[dimension])];
        if (lengths.Any(l => l < 0))
            throw node.Unsupported("splits a free dimension");
        node.EmitAll("VariadicSplit", 1,
            [node.Input(0), node.Constant("axis", TensorData.Scalar(axis)), node.Integers("lengths", lengths)]);
    }

    private static void Slice(NodeContext node)
    {
        if (node.Extents(1)[0] is var count && count < 0)
            throw node.Unsupported("has bounds whose number is computed");
        IrValue steps = node.Has(4)
            ? node.Input(4) : node.Constant("steps", TensorData.Vector<long>([.. Enumerable.Repeat(1L, (int)count)]));
        node.Emit("Slice", 8, node.Has(3)
            ? [node.Input(0), node.Input(1), node.Input(2), steps, node.Input(3)]
            : [node.Input(0), node.Input(1), node.Input(2), steps]);
    }

    private static void Pad(NodeContext node)
    {
        long[] pads = node.ConstantInput(1)?.ToInt64Array() ?? throw node.Unsupported("has pads that are computed");
        string mode = node.Attributes.GetString("mode", "constant");
        if (mode is not ("constant" or "edge" or "reflect"))
            throw node.Unsupported($"pads in the way '{mode}'");
        int rank = node.Rank(0);
        long[] begin = new long[rank], end = new long[rank];
        long[] axes = node.Has(3)
            ? node.ConstantInput(3)?.ToInt64Array() ?? throw node.Unsupported("has axes that are computed")
            : [.. Enumerable.Range(0, rank).Select(d => (long)d)];
        for (int i = 0; i < axes.Length; i++)
        {
            int d = (int)(axes[i] < 0 ? axes[i] + rank : axes[i]);
            (begin[d], end[d]) = (pads[i], pads[i + axes.Length]);
        }

        IrValue[] operands = [node.Input(0), node.Integers("begin", begin), node.Integers("end", end)];
        node.Emit("Pad", 1, mode == "constant" && node.Has(2) ? [.. operands, node.Reshaped(node.Input(2), [])] : operands,
            ("pad_mode", mode));
    }

    private static void ShapeOf(NodeContext node)
    {
        if (!node.Attributes.Contains("start") && !node.Attributes.Contains("end"))
        {
            node.Emit("ShapeOf", 3, [node.Input(0)], ("output_type", "i64"));
            return;
        }

        IrValue whole = node.Step("ShapeOf", 3, [node.Input(0)], (DataType.Int64, [node.Rank(0)]), ("output_type", "i64"));
        node.Emit("Slice", 8, [whole, node.Integers("start", node.Attributes.GetInteger("start")),
            node.Integers("end", node.Attributes.GetInteger("end", long.MaxValue)), node.Integers("step", 1), node.Integers("axis", 0)]);
    }

    private static void OneHot(NodeContext node)
    {
        if (node.ConstantInput(2) is not { ElementCount: 2 } values)
            throw node.Unsupported("has values that are computed");
        int size = values.ElementType.SizeInBytes();
        TensorData Value(int index) => new(values.ElementType, [], values.Bytes.Slice(index * size, size));
        node.Emit("OneHot", 1,
            [node.Input(0), node.Reshaped(node.Input(1), []), node.Constant("on", Value(1)), node.Constant("off", Value(0))],
            ("axis", node.Attributes.GetInteger("axis", -1)));
    }

    private static void TopK(NodeContext node) => node.EmitAll("TopK", 3, [node.Input(0), node.Reshaped(node.Input(1), [])],
        ("axis", node.Attributes.GetInteger("axis", -1)), ("mode", node.Attributes.GetBoolean("largest", true) ? "max" : "min"),
        ("sort", "value"), ("index_element_type", "i64"));

    private static void ArgExtreme(NodeContext node, string mode)
    {
        if (node.Attributes.GetBoolean("select_last_index"))
            throw node.Unsupported("takes the last of equal values");
        long axis = node.Attributes.GetInteger("axis");
        int dimension = (int)(axis < 0 ? axis + node.Rank(0) : axis);
        long[] extents = [.. node.Extents(0)];
        extents[dimension] = 1;
        IrValue[] best = node.Model.Add("TopK", 3, node.Node.Output.Name + "/TopK",
            [("axis", axis), ("mode", mode), ("sort", "value"), ("index_element_type", "i64")],
            [node.Input(0), node.Constant("one", TensorData.Scalar(1L))], (node.Input(0).Type, extents), (DataType.Int64, extents));
        if (node.Attributes.GetBoolean("keepdims", true))
            node.Emit("Convert", 1, [best[1]], ("destination_type", "i64"));
        else
            node.Emit("Squeeze", 1, [best[1], node.Integers("axis", axis)]);
    }

    private static void Resize(NodeContext node)
    {
        string mode = node.Attributes.GetString("mode", "nearest"),
            coordinates = node.Attributes.GetString("coordinate_transformation_mode", "half_pixel");
        if (coordinates is not ("half_pixel" or "pytorch_half_pixel" or "asymmetric" or "align_corners" or "tf_half_pixel_for_nn"))
            throw node.Unsupported($"has the coordinates '{coordinates}'");
        if (node.Attributes.GetString("keep_aspect_ratio_policy", "stretch") != "stretch" || node.Attributes.GetBoolean("exclude_outside"))
            throw node.Unsupported("keeps ratios or excludes outside elements");
        bool bySizes = node.Has(3) && node.Extents(3) is not [0];
        long[] axes = node.Attributes.GetIntegers("axes") ?? [.. Enumerable.Range(0, node.Rank(0)).Select(d => (long)d)];
        long[] zeros = new long[node.Rank(0)];
        node.Emit("Interpolate", 11, [node.Input(0), bySizes ? node.Input(3) : node.Input(2), node.Integers("axes", axes)],
            ("mode", mode switch { "linear" => "linear_onnx", var other => other }),
            ("shape_calculation_mode", bySizes ? "sizes" : "scales"),
            ("coordinate_transformation_mode", coordinates),
            ("nearest_mode", node.Attributes.GetString("nearest_mode", "round_prefer_floor")),
            ("antialias", node.Attributes.GetBoolean("antialias")), ("pads_begin", zeros), ("pads_end", zeros),
            ("cube_coeff", node.Attributes.GetSingle("cubic_coeff_a", -0.75f)));
    }
}
