// Layers that gather, scatter, count or sort.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class IndexingLayers
{
    public static void Gather(LayerContext layer)
    {
        if (layer.Integer("batch_dims", 0) != 0)
            throw layer.Unsupported("gathers with batch dimensions");
        layer.Emit("Gather", [layer.Input(0), layer.Input(1)], AxisOf(layer, 2));
    }

    /// <summary>Version 5 joins the batch dimensions of its result; version 8 keeps them, as ONNX does.</summary>
    public static void GatherND(LayerContext layer)
    {
        long batch = layer.Integer("batch_dims", 0);
        if (layer.Layer.OperatorSet < 8 && batch > 1)
            throw layer.Unsupported("joins batch dimensions");
        layer.Emit("GatherND", [layer.Input(0), layer.Input(1)], new GraphAttributes { { "batch_dims", batch } });
    }

    public static void ScatterElements(LayerContext layer)
    {
        GraphAttributes attributes = AxisOf(layer, 3);
        AddReduction(layer, attributes);
        if (attributes.Contains("reduction") && !layer.Boolean("use_init_val", true))
            throw layer.Unsupported("leaves the initial values out");
        layer.Emit("ScatterElements", [layer.Input(0), layer.Input(1), layer.Input(2)], attributes);
    }

    public static void ScatterND(LayerContext layer)
    {
        var attributes = new GraphAttributes();
        AddReduction(layer, attributes);
        layer.Emit("ScatterND", [layer.Input(0), layer.Input(1), layer.Input(2)], attributes);
    }

    /// <summary>Whole slices along the first axis are tuples of one index.</summary>
    public static void Scatter(LayerContext layer)
    {
        if (layer.KnownConstant(3, "axes").ToInt64Array() is not [0])
            throw layer.Unsupported("writes slices along another axis than the first");
        GraphValue tuples = layer.Step("Unsqueeze", [layer.Input(1), layer.AddIntegers("last", -1)]);
        layer.Emit("ScatterND", [layer.Input(0), tuples, layer.Input(2)]);
    }

    public static void CumSum(LayerContext layer)
    {
        GraphValue axis = layer.InputCount > 1 ? layer.Input(1) : layer.AddScalar("axis", 0L);
        layer.Emit("CumSum", [layer.Input(0), axis], new GraphAttributes
        {
            { "exclusive", layer.Boolean("exclusive", false) }, { "reverse", layer.Boolean("reverse", false) },
        });
    }

    public static void OneHot(LayerContext layer)
    {
        GraphValue values = layer.Step("Concat", [AsList(layer, 3), AsList(layer, 2)], new GraphAttributes { { "axis", 0 } });
        layer.Emit("OneHot", [layer.Input(0), layer.Input(1), values], new GraphAttributes { { "axis", layer.Integer("axis") } });
    }

    public static void NonZero(LayerContext layer) => EmitIndices(layer, layer.Step("NonZero", [layer.Input(0)]), 0, "output_type", "i64");

    public static void TopK(LayerContext layer)
    {
        if (layer.Text("sort", "none").Equals("index", StringComparison.OrdinalIgnoreCase))
            throw layer.Unsupported("sorts by index");
        var attributes = new GraphAttributes
        {
            { "axis", layer.Integer("axis") }, { "largest", layer.Text("mode").ToLowerInvariant() == "max" },
        };
        GraphValue count = layer.IntegerList(1);
        if (layer.TypeCode("index_element_type", "i32") == ElementTypeCodes.ToCode(DataType.Int64))
        {
            layer.EmitMany("TopK", 2, [layer.Input(0), count], attributes);
            return;
        }

        GraphValue values = layer.Graph.AddValue(layer.Graph.UniqueValueName(layer.Layer.Name + ".0"));
        GraphValue indices = layer.Graph.AddValue(layer.Graph.UniqueValueName(layer.Layer.Name + ":indices"));
        layer.Graph.AddNode("TopK", [layer.Input(0), count], [values, indices], attributes, layer.Layer.Name);
        layer.Pass(values);
        EmitIndices(layer, indices, 1, "index_element_type", "i32");
    }

    /// <summary>Bags of equal size: gather, weigh and sum.</summary>
    public static void BagPacked(LayerContext layer)
    {
        GraphValue rows = layer.Step("Gather", [layer.Input(0), layer.Input(1)], new GraphAttributes { { "axis", 0 } });
        if (layer.InputCount > 2)
        {
            long[] trailing = [.. Enumerable.Range(2, layer.Rank(0) - 1).Select(d => (long)d)];
            rows = layer.Step("Mul", [rows, layer.Step("Unsqueeze", [layer.Input(2), layer.AddIntegers("trailing", trailing)])]);
        }

        layer.Emit("ReduceSum", [rows, layer.AddIntegers("bag", 1)], new GraphAttributes { { "keepdims", 0 } });
    }

    public static void BagOffsets(LayerContext layer) =>
        layer.Emit("EmbeddingBagOffsetsSum", layer.AllInputs(), null, OperatorDomains.OpenVino);

    public static void Segments(LayerContext layer) =>
        layer.Emit("EmbeddingSegmentsSum", layer.AllInputs(), null, OperatorDomains.OpenVino);

    private static void EmitIndices(LayerContext layer, GraphValue indices, int result, string attribute, string fallback)
    {
        long type = layer.TypeCode(attribute, fallback);
        GraphValue typed = type == ElementTypeCodes.ToCode(DataType.Int64)
            ? indices
            : layer.Graph.AddOperation(
                "Cast", layer.Layer.Outputs.Count == 1 ? layer.Layer.Name : $"{layer.Layer.Name}.{result}", [indices],
                new GraphAttributes { { "to", type } });
        layer.Pass(typed, result);
    }

    private static GraphValue AsList(LayerContext layer, int index) => layer.Constant(index) is { } constant
        ? layer.AddConstant($"value_{index}", constant.Reshaped([constant.ElementCount]))
        : layer.Step("Reshape", [layer.Input(index), layer.AddIntegers("list", 1)]);

    private static GraphAttributes AxisOf(LayerContext layer, int index) => layer.KnownConstant(index, "axes") is { ElementCount: 1 } axis
        ? new GraphAttributes { { "axis", axis.ToInt64Array()[0] } }
        : throw layer.Defect("the axis must be one number");

    private static void AddReduction(LayerContext layer, GraphAttributes attributes)
    {
        string? reduction = layer.Text("reduction", "none").ToLowerInvariant() switch
        {
            "none" => null,
            "sum" => "add",
            "prod" => "mul",
            "min" => "min",
            "max" => "max",
            var other => throw layer.Unsupported($"combines values in the way '{other}'"),
        };
        if (reduction is not null)
            attributes.Add("reduction", reduction);
    }
}
